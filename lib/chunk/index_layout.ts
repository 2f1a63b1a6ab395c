/** The numbers of the index format, as FORMAT.md states them. @module */

/** The first eight bytes of an index. */
export const indexMagic = "KDGINDEX";
/** The version that is written and read. */
export const indexVersion = 1;
/** The length of the header in bytes. */
export const headerBytes = 64;
/** The flag of a table without packs, which a registry never holds. */
export const flagLocal = 1;

/** The most that a reader accepts. */
export const indexLimits = {
  /** Packs. */
  packs: 24_000,
  /** The size of one pack in bytes. */
  packBytes: 256 * 1024 * 1024,
  /** Different chunks. */
  chunks: 4 * 1024 * 1024,
  /** Rows. */
  rows: 8 * 1024 * 1024,
  /** The size of the file in bytes. */
  size: 2 ** 46,
  /** The index as it is stored, in bytes. */
  storedBytes: 256 * 1024 * 1024,
} as const;

/** How many of each thing an index holds. */
export interface IndexCounts {
  /** Packs. */
  packs: number;
  /** Different chunks. */
  chunks: number;
  /** Rows. */
  rows: number;
  /** Rows that are holes. */
  holes: number;
  /** Whether there are no packs. */
  local: boolean;
}

/** The length of the body in bytes, before compression. */
export function bodyBytes(counts: IndexCounts): number {
  const { packs, chunks, rows, holes, local } = counts;
  return packs * 40 + chunks * (local ? 36 : 44) + rows * 4 + holes * 8;
}
