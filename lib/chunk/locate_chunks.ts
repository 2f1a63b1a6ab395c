import { freeMemory } from "../base/free_memory.ts";
import { type ChunkTable, firstRows, holeRow } from "./chunk_table.ts";
import { DigestLookup } from "./digest_lookup.ts";

/** A file whose chunks may serve; every chunk is hashed again when it is taken. */
export interface SourceFile {
  /** The file. */
  readonly path: string;
}

/** The same, and what it is thought to be made of. */
export interface LocalSource extends SourceFile {
  /** What it is made of. */
  readonly table: ChunkTable;
}

/** Where chunks are to be taken from. */
export interface Located {
  /** For each chunk: 0 if no source has it or it is not wanted, else the number of its source plus one. */
  readonly source: Uint16Array<ArrayBuffer>;
  /** For each chunk its offset in that source. */
  readonly offset: Float64Array<ArrayBuffer>;
}

/** Looks for wanted chunks (1 in `wanted`) in sources; the first that has one gives it. */
export function locateChunks(
  target: ChunkTable,
  wanted: Uint8Array,
  sources: readonly LocalSource[],
): Located {
  const source = new Uint16Array(target.lengths.length);
  const offset = new Float64Array(target.lengths.length);
  sources.forEach(({ table }, number) => {
    using lookup = new DigestLookup(table.digests, table.lengths.length);
    const rows = firstRows(table);
    for (let chunk = 0; chunk < wanted.length; chunk++) {
      if (wanted[chunk] === 0 || source[chunk] !== 0) continue;
      const found = lookup.find(target.digests, chunk);
      if (found < 0 || rows[found] === holeRow) continue;
      if (table.lengths[found] !== target.lengths[chunk]) continue;
      source[chunk] = number + 1;
      offset[chunk] = table.rowOffsets[rows[found]!]!;
    }
    freeMemory(rows);
  });
  return { source, offset };
}
