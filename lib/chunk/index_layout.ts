/** The numbers of the index format, as FORMAT.md states them. @module */

/** The first eight bytes of an index. */
export const indexMagic = "KDGINDEX";
/** The version that is written and read. */
export const indexVersion = 1;
/** The length of the header in bytes. */
export const headerBytes = 64;
/** The length of a pack's entry in the directory in bytes. */
export const entryBytes = 52;
/** The length of what tells one page from another in bytes: the start of its sha256. */
export const pageIdBytes = 8;
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
  readonly packs: number;
  /** Different chunks. */
  readonly chunks: number;
  /** Rows. */
  readonly rows: number;
  /** Rows that are holes. */
  readonly holes: number;
  /** Whether there are no packs. */
  readonly local: boolean;
}

/** The length of a page of so many chunks in bytes, before compression. */
export function pageBytes(chunks: number): number {
  return chunks * 44;
}

/** The length of the tail in bytes, before compression. */
export function tailBytes({ chunks, rows, holes, local }: IndexCounts): number {
  return (local ? chunks * 36 : 0) + rows * 4 + holes * 8;
}

/** The most bytes that an index of such counts takes. */
export function mostIndexBytes(counts: IndexCounts): number {
  const { packs, chunks } = counts;
  const frames = packs * (entryBytes + 64) + pageBytes(chunks) + tailBytes(counts);
  return headerBytes + frames + Math.ceil(frames / 128) + 64;
}
