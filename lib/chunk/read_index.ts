/**
 * Reads an index that a stranger may have written, part by part, so that nobody needs to have all its bytes.
 *
 * Invariants of what comes back: the rows fill the file from byte 0 to its size without gap or overlap; every row names a chunk
 * that is there and every chunk has a row; every chunk lies wholly inside its pack and overlaps no other; no digest is there twice;
 * lengths keep to the chunker. Nothing is allocated before the counts were held against the limits.
 *
 * @module
 */
import { freeMemory } from "../base/free_memory.ts";
import { checkIndex } from "./check_index.ts";
import type { Chunker } from "./chunker.ts";
import { ColumnReader } from "./column_reader.ts";
import { digestAt } from "./digest_column.ts";
import { DigestLookup } from "./digest_lookup.ts";
import { pageId } from "./encode_index.ts";
import { type IndexDirectory, readDirectory } from "./index_directory.ts";
import { type IndexHeader, readIndexHeader } from "./index_header.ts";
import {
  entryBytes,
  headerBytes,
  indexLimits,
  pageBytes,
  pageIdBytes,
  tailBytes,
} from "./index_layout.ts";
import { readPlaces } from "./read_places.ts";
import { readRows } from "./read_rows.ts";
import { zstdDecompress } from "./zstd.ts";

/** The chunks of one pack. Their columns are void once the next page is read. */
export interface IndexPage {
  /** The number of the pack. */
  readonly pack: number;
  /** The number of the first chunk. */
  readonly first: number;
  /** Sha256 of each chunk, 32 bytes each. */
  readonly digests: Uint8Array;
  /** The length of each. */
  readonly lengths: Uint32Array;
  /** How many bytes each takes in the pack. */
  readonly stored: Uint32Array;
  /** Where each begins in it. */
  readonly offsets: Uint32Array;
}

/** What an index says before it comes to its chunks. */
export type IndexHead = Omit<IndexHeader, "tailLength"> & IndexDirectory;

/** The file of an index. */
export interface IndexFile {
  /** The length of each chunk. */
  readonly lengths: Uint32Array<ArrayBuffer>;
  /** The rows, as in a table; what lies behind them in the same memory belongs to nobody. */
  readonly rows: Uint32Array<ArrayBuffer>;
  /** Where each begins, and at last the size; empty unless the taker wants it. */
  readonly rowOffsets: Float64Array<ArrayBuffer>;
  /** How many bytes of it are data. */
  readonly dataBytes: number;
}

/** Takes what an index holds, as it is read; nothing of it is certain before all of it was taken. */
export interface IndexTaker<T> {
  /** Whether it is to be told where the rows begin. */
  readonly wantsOffsets: boolean;
  /** Takes the chunks of a pack. */
  page(page: IndexPage): void;
  /** All chunks were taken: refuses those that are there twice, unless it did so as they came. */
  refuseTwice(): void;
  /** Takes the rest, all of which is the taker's then, and gives what it made. */
  file(file: IndexFile): T;
}

/**
 * What `take` makes of an index of so many bytes. Yields how many bytes it wants next, in their order, and is given them, or fewer where there are no
 * more; it keeps none of them.
 *
 * @throws {VerificationError} if it is none, or contradicts itself
 */
export function* readIndex<T>(
  totalBytes: number,
  take: (head: IndexHead) => IndexTaker<T>,
): Generator<number, T, Uint8Array> {
  checkIndex(totalBytes <= indexLimits.storedBytes, `it is ${totalBytes} bytes long`);
  const { tailLength, ...header } = readIndexHeader(yield headerBytes, false);
  const { counts, chunker, size } = header;
  const directory = readDirectory(yield counts.packs * entryBytes, counts);
  const tailEnd = directory.pageStarts.at(-1)! + tailLength;
  checkIndex(tailEnd === totalBytes, `it has ${totalBytes} bytes instead of ${tailEnd}`);
  refuseTwice(directory.packDigests, counts.packs, "pack");
  const taker = take({ ...header, ...directory });
  const lengths = new Uint32Array(counts.chunks);
  for (let pack = 0, first = 0; pack < counts.packs; pack++) {
    const stored = yield directory.pageStarts[pack + 1]! - directory.pageStarts[pack]!;
    const body = unpackPage(stored, directory, pack);
    const page = { pack, first, ...readPage(body, { directory, chunker, pack, first }) };
    lengths.set(page.lengths, first);
    taker.page(page);
    first += directory.perPack[pack]!;
    freeMemory(body);
  }
  taker.refuseTwice();
  const body = zstdDecompress(yield tailLength, tailBytes(counts), "the chunk index");
  const tail = new ColumnReader(body);
  const rows = tail.words(counts.rows);
  const rowOffsets = new Float64Array(taker.wantsOffsets ? rows.length + 1 : 0);
  const dataBytes = readRows(rows, tail, { chunker, size, counts, lengths, rowOffsets });
  return taker.file({ lengths, rows, rowOffsets, dataBytes });
}

/**
 * Refuses a column of 32 bytes each in which a digest is there twice.
 *
 * @throws {VerificationError} if one is
 */
export function refuseTwice(column: Uint8Array, count: number, what: string): void {
  using lookup = new DigestLookup(column, count);
  if (lookup.count === count) return;
  const seen = new DigestLookup(column);
  for (let at = 0; at < count; at++) {
    checkIndex(seen.add(at) < 0, `${what} ${digestAt(column, at)} is there twice`);
  }
}

function unpackPage(
  stored: Uint8Array,
  { pageIds, perPack }: IndexDirectory,
  pack: number,
): Uint8Array<ArrayBuffer> {
  checkIndex(
    pageId(stored).every((byte, i) => byte === pageIds[pack * pageIdBytes + i]),
    `page ${pack} is not the one of the directory`,
  );
  return zstdDecompress(stored, pageBytes(perPack[pack]!), "a page of the chunk index");
}

function readPage(
  body: Uint8Array<ArrayBuffer>,
  { directory, chunker, pack, first }: {
    directory: IndexDirectory;
    chunker: Chunker;
    pack: number;
    first: number;
  },
): Omit<IndexPage, "pack" | "first"> {
  const reader = new ColumnReader(body);
  const count = directory.perPack[pack]!;
  const digests = reader.bytes(count * 32);
  const [lengths, stored, gaps] = [reader.words(count), reader.words(count), reader.words(count)];
  const packBytes = directory.packSizes[pack]!;
  return {
    digests,
    lengths,
    stored,
    offsets: readPlaces({ chunker, lengths, stored, gaps, packBytes, pack, first }),
  };
}
