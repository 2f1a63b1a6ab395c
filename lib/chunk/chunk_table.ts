import type { Chunker } from "./chunker.ts";

/** The row of a hole in {@linkcode ChunkTable.rows}. */
export const holeRow = 0xffffffff;

/**
 * What a file is made of: different chunks, and rows that say in which order they and the holes follow.
 *
 * Columns, no objects: chunk `c` has the digest at byte `32 * c` of `digests` and the length `lengths[c]`; row `r` begins at byte
 * `rowOffsets[r]` of the file and ends where row `r + 1` begins; `rowOffsets` has one more entry, the size.
 */
export interface ChunkTable {
  /** How the file was cut. */
  readonly chunker: Chunker;
  /** The size of the file in bytes. */
  readonly size: number;
  /** Sha256 of each chunk's bytes, 32 bytes each. */
  readonly digests: Uint8Array<ArrayBuffer>;
  /** The length of each chunk in bytes. */
  readonly lengths: Uint32Array<ArrayBuffer>;
  /** In file order: a chunk's number, or {@linkcode holeRow}. */
  readonly rows: Uint32Array<ArrayBuffer>;
  /** Where each row begins in the file, and at last the size. */
  readonly rowOffsets: Float64Array<ArrayBuffer>;
}

/** Where the chunks of a table lie, each in one pack. */
export interface DiskIndex extends ChunkTable {
  /** Sha256 of each pack, 32 bytes each. */
  readonly packDigests: Uint8Array<ArrayBuffer>;
  /** The size of each pack in bytes. */
  readonly packSizes: Uint32Array<ArrayBuffer>;
  /** The pack that holds each chunk. */
  readonly packs: Uint32Array<ArrayBuffer>;
  /** Where each chunk begins in its pack. */
  readonly offsets: Uint32Array<ArrayBuffer>;
  /** How many bytes each chunk takes there: its length where it is stored as it is, less where it is compressed. */
  readonly stored: Uint32Array<ArrayBuffer>;
}

/** The chunks of an index and where they lie, without the rows that say what file they make. */
export type DiskChunks = Omit<DiskIndex, "rows" | "rowOffsets">;

/** Whether a table also says where its chunks lie. */
export function isDiskIndex(table: ChunkTable): table is DiskIndex {
  return "packs" in table;
}

/** How many bytes of a table's file are data, holes left out. */
export function dataBytes(table: ChunkTable): number {
  let bytes = 0;
  for (const row of table.rows) if (row !== holeRow) bytes += table.lengths[row]!;
  return bytes;
}

/** For each chunk the first row that shows it. */
export function firstRows(table: ChunkTable): Uint32Array<ArrayBuffer> {
  const first = new Uint32Array(table.lengths.length).fill(holeRow);
  for (let row = table.rows.length - 1; row >= 0; row--) {
    const chunk = table.rows[row]!;
    if (chunk !== holeRow) first[chunk] = row;
  }
  return first;
}
