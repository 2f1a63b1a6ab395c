/**
 * Reads an index that a stranger may have written.
 *
 * Invariants of what comes back: the rows fill the file from byte 0 to its size without gap or overlap; every row names a chunk
 * that is there and every chunk has a row; every chunk lies wholly inside its pack and overlaps no other; no digest is there twice;
 * lengths keep to the chunker. Nothing is allocated before the counts were held against the limits.
 *
 * @module
 */
import { freeMemory } from "../base/free_memory.ts";
import { checkIndex } from "./check_index.ts";
import type { ChunkTable, DiskIndex } from "./chunk_table.ts";
import { ColumnReader } from "./column_reader.ts";
import { digestAt } from "./digest_column.ts";
import { DigestLookup } from "./digest_lookup.ts";
import { pageId } from "./encode_index.ts";
import { type IndexDirectory, readDirectory } from "./index_directory.ts";
import { readIndexHeader } from "./index_header.ts";
import { type IndexCounts, pageBytes, pageIdBytes, tailBytes } from "./index_layout.ts";
import { readPlaces } from "./read_places.ts";
import { readRows } from "./read_rows.ts";
import { zstdDecompress } from "./zstd.ts";

/**
 * The index that bytes hold.
 *
 * @throws {VerificationError} if they hold none, or one that contradicts itself
 */
export function decodeIndex(bytes: Uint8Array): DiskIndex {
  const table = decode(bytes, false);
  return table as DiskIndex;
}

/**
 * The local table that bytes hold, one without packs.
 *
 * @throws {VerificationError} if they hold none, or one that contradicts itself
 */
export function decodeLocalTable(bytes: Uint8Array): ChunkTable {
  return decode(bytes, true);
}

function decode(bytes: Uint8Array, local: boolean): ChunkTable | DiskIndex {
  const { chunker, size, counts, tailLength } = readIndexHeader(bytes, local);
  const directory = readDirectory(bytes, counts);
  const { packSizes, packDigests, perPack } = directory;
  const tailStart = directory.pageStarts.at(-1)!;
  checkIndex(
    tailStart + tailLength === bytes.length,
    `it has ${bytes.length} bytes instead of ${tailStart + tailLength}`,
  );
  const body = zstdDecompress(bytes.subarray(tailStart), tailBytes(counts), "the chunk index");
  const tail = new ColumnReader(body);
  const columns = local ? readLocal(tail, counts.chunks) : readPages(bytes, directory, counts);
  const { digests, lengths, stored, gaps } = columns;
  const codes = tail.words(counts.rows);
  const { rows, rowOffsets } = readRows(codes, tail, { chunker, size, counts, lengths });
  refuseTwice(digests, counts.chunks, "chunk");
  const table: ChunkTable = { chunker, size, digests, lengths, rows, rowOffsets };
  if (local) return table;
  refuseTwice(packDigests, counts.packs, "pack");
  const places = readPlaces({ packSizes, perPack, lengths, stored, gaps });
  freeMemory(gaps);
  return {
    ...table,
    rows: counts.holes > 0 ? alone(rows) : rows,
    packDigests,
    packSizes,
    stored,
    ...places,
  };
}

interface Columns {
  digests: Uint8Array<ArrayBuffer>;
  lengths: Uint32Array<ArrayBuffer>;
  stored: Uint32Array<ArrayBuffer>;
  gaps: Uint32Array<ArrayBuffer>;
}

function readLocal(tail: ColumnReader, chunks: number): Columns {
  const none = new Uint32Array(0);
  return {
    digests: tail.bytes(chunks * 32),
    lengths: tail.words(chunks),
    stored: none,
    gaps: none,
  };
}

/** A column without what lies behind it in the same memory. */
function alone(column: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const copy = column.slice();
  freeMemory(column);
  return copy;
}

function readPages(bytes: Uint8Array, directory: IndexDirectory, counts: IndexCounts): Columns {
  const { chunks } = counts;
  const columns: Columns = {
    digests: new Uint8Array(chunks * 32),
    lengths: new Uint32Array(chunks),
    stored: new Uint32Array(chunks),
    gaps: new Uint32Array(chunks),
  };
  let first = 0;
  for (let pack = 0; pack < counts.packs; pack++) {
    const count = directory.perPack[pack]!;
    const page = bytes.subarray(directory.pageStarts[pack]!, directory.pageStarts[pack + 1]!);
    const id = pageId(page);
    checkIndex(
      id.every((byte, i) => byte === directory.pageIds[pack * pageIdBytes + i]),
      `page ${pack} is not the one of the directory`,
    );
    const body = zstdDecompress(page, pageBytes(count), "a page of the chunk index");
    const reader = new ColumnReader(body);
    columns.digests.set(reader.bytes(count * 32), first * 32);
    columns.lengths.set(reader.words(count), first);
    columns.stored.set(reader.words(count), first);
    columns.gaps.set(reader.words(count), first);
    freeMemory(body);
    first += count;
  }
  return columns;
}

function refuseTwice(column: Uint8Array, count: number, what: string): void {
  using lookup = new DigestLookup(column, count);
  if (lookup.count === count) return;
  const seen = new DigestLookup(column);
  for (let at = 0; at < count; at++) {
    checkIndex(seen.add(at) < 0, `${what} ${digestAt(column, at)} is there twice`);
  }
}
