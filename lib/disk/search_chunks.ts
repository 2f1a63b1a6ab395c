import { freeMemory } from "../base/free_memory.ts";
import { canRead } from "../base/files.ts";
import { dataBytes, holeRow } from "../chunk/chunk_table.ts";
import {
  type LocalSource,
  locateChunks,
  type Located,
  type SourceFile,
} from "../chunk/locate_chunks.ts";
import type { DiskFile } from "./disk_file.ts";
import type { DiskImage } from "./disk_image.ts";
import {
  foundSources,
  namedSources,
  type SourceSearch,
  tableOfFile,
  unfinishedSources,
} from "./local_sources.ts";

/** Looks for wanted chunks, in the order of what costs least; a file is read for it only while something is missing. */
export async function searchChunks(
  options: {
    readonly image: DiskImage;
    readonly file: DiskFile;
    readonly bases: readonly string[];
  },
  search: SourceSearch,
  of: { out: string; standing: Uint8Array; wanted: Uint8Array; sources: SourceFile[] },
): Promise<Located> {
  const { image, file } = options;
  const { out, standing, wanted, sources } = of;
  const located: Located = {
    source: new Uint16Array(wanted.length),
    offset: new Float64Array(wanted.length),
  };
  const left = wanted.slice();
  const take = (source: LocalSource) => {
    sources.push({ path: source.path });
    const found = locateChunks(image.index, left, [source]);
    found.source.forEach((number, chunk) => {
      if (number === 0) return;
      located.source[chunk] = sources.length;
      located.offset[chunk] = found.offset[chunk]!;
      left[chunk] = 0;
    });
    freeMemory(found.source);
    freeMemory(found.offset);
    return left.includes(1);
  };
  // Rows of `out` that stand give their chunks to the rows that do not.
  sources.push({ path: out });
  standing.forEach((stands, row) => {
    const chunk = image.index.rows[row]!;
    if (stands === 0 || chunk === holeRow || left[chunk] === 0) return;
    located.source[chunk] = 1;
    located.offset[chunk] = image.index.rowOffsets[row]!;
    left[chunk] = 0;
  });
  if (left.includes(1) && file.info !== undefined && file.info.size > 0 && canRead(file.path)) {
    const known = await search.known(file.path);
    // Reading a whole file to find what moved in it pays only where more than a little is missing.
    if (known !== undefined || bytesOfChunks(image.index, left) > dataBytes(image.index) / 50) {
      take({ path: file.path, table: await tableOfFile(file.path, search) });
    }
  }
  if (left.includes(1)) {
    for await (const source of unfinishedSources(file, search, out)) if (!take(source)) break;
  }
  if (left.includes(1)) {
    for await (const source of namedSources(options.bases, search)) if (!take(source)) break;
  }
  if (left.includes(1)) {
    for await (const source of foundSources(search, [file.path, out])) if (!take(source)) break;
  }
  return located;
}

function bytesOfChunks({ lengths }: DiskImage["index"], chosen: Uint8Array): number {
  return chosen.reduce((sum, one, chunk) => sum + (one === 1 ? lengths[chunk]! : 0), 0);
}
