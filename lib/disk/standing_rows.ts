/**
 * Which parts of a disk its file holds already.
 *
 * @module
 */
import { checkRows } from "../chunk/check_rows.ts";
import { sameChunker } from "../chunk/chunker.ts";
import { commonRows } from "../chunk/common_rows.ts";
import { sameTable } from "../chunk/same_table.ts";
import type { ProofAhead } from "./proof_ahead.ts";
import type { DiskImage } from "./disk_image.ts";
import { certainHoles, type KnownFile } from "./known_files.ts";
import type { SourceSearch } from "./local_sources.ts";
import { tellReading } from "./tell_reading.ts";

/** Whether the destination is the disk already, every byte of it hashed now. */
export async function standsWhole(
  path: string,
  { size }: Deno.FileInfo,
  index: DiskImage["index"],
  search: SourceSearch,
): Promise<boolean> {
  if (size !== index.size) return false;
  const known = await search.known(path);
  if (known !== undefined && !sameTable(known.table, index)) return false;
  const { pool, signal } = search;
  const rows = await checkRows(path, index, {
    pool,
    signal,
    sizeBytes: size,
    onCheck: tellReading(search.meter, path, size),
  });
  return rows.every((row) => row === 1);
}

/**
 * The rows that stand in the file that is written, 1 for each. Where the cache knows the file, and knows it as another disk, this is what it
 * knows, and comes with it; else the file was read and hashed for it.
 *
 * @param ahead the file's proof, where it is under way
 */
export async function standingRows(
  out: string,
  sizeBytes: number,
  index: DiskImage["index"],
  search: SourceSearch,
  ahead: ProofAhead | undefined,
): Promise<{ standing: Uint8Array; known?: KnownFile }> {
  const onCheck = tellReading(search.meter, out, sizeBytes);
  const known = await search.known(out);
  if (known !== undefined && sameChunker(known.table.chunker, index.chunker)) {
    const standing = commonRows(index, known.table);
    if (standing.includes(0)) return { standing, known };
    if (ahead?.known === known) {
      const of = { onProof: onCheck, signal: search.signal };
      return { standing: await ahead.rows(index, standing, of) };
    }
  }
  ahead?.stop();
  const { pool, signal } = search;
  const standing = await checkRows(out, index, {
    pool,
    signal,
    sizeBytes,
    holes: certainHoles(known),
    onCheck,
  });
  return { standing };
}
