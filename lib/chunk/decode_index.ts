/**
 * Makes tables of indexes that a stranger may have written, as `readIndex()` reads them.
 *
 * @module
 */
import { freeMemory } from "../base/free_memory.ts";
import { checkIndex } from "./check_index.ts";
import type { ChunkTable, DiskIndex } from "./chunk_table.ts";
import { ColumnReader } from "./column_reader.ts";
import { readIndexHeader } from "./index_header.ts";
import { headerBytes, tailBytes } from "./index_layout.ts";
import { type IndexHead, type IndexTaker, readIndex, refuseTwice } from "./read_index.ts";
import { readRows } from "./read_rows.ts";
import { zstdDecompress } from "./zstd.ts";

/**
 * The index that bytes hold.
 *
 * @throws {VerificationError} if they hold none, or one that contradicts itself
 */
export function decodeIndex(bytes: Uint8Array): DiskIndex {
  return takeIndex(bytes, wholeIndex);
}

/**
 * What `take` makes of the index that bytes hold.
 *
 * @throws {VerificationError} if they hold none, or one that contradicts itself
 */
export function takeIndex<T>(bytes: Uint8Array, take: (head: IndexHead) => IndexTaker<T>): T {
  const reading = readIndex(bytes.length, take);
  let step = reading.next();
  for (let at = 0; step.done !== true;) {
    const part = bytes.subarray(at, at + step.value);
    at += step.value;
    step = reading.next(part);
  }
  return step.value;
}

/** Takes all that an index holds. */
export function wholeIndex(head: IndexHead): IndexTaker<DiskIndex> {
  const { chunker, size, counts, packDigests, packSizes } = head;
  const { chunks, holes } = counts;
  const digests = new Uint8Array(chunks * 32);
  const [stored, packs, offsets] = [1, 2, 3].map(() => new Uint32Array(chunks)) as [
    Uint32Array<ArrayBuffer>,
    Uint32Array<ArrayBuffer>,
    Uint32Array<ArrayBuffer>,
  ];
  return {
    wantsOffsets: true,
    page(page) {
      const { pack, first } = page;
      digests.set(page.digests, first * 32);
      stored.set(page.stored, first);
      offsets.set(page.offsets, first);
      packs.fill(pack, first, first + page.stored.length);
    },
    refuseTwice: () => refuseTwice(digests, chunks, "chunk"),
    file: ({ lengths, rows, rowOffsets }) => ({
      chunker,
      size,
      digests,
      lengths,
      rows: holes > 0 ? alone(rows) : rows,
      rowOffsets,
      packDigests,
      packSizes,
      packs,
      offsets,
      stored,
    }),
  };
}

/**
 * The local table that bytes hold, one without packs.
 *
 * @throws {VerificationError} if they hold none, or one that contradicts itself
 */
export function decodeLocalTable(bytes: Uint8Array): ChunkTable {
  const { chunker, size, counts, tailLength } = readIndexHeader(bytes, true);
  checkIndex(
    headerBytes + tailLength === bytes.length,
    `it has ${bytes.length} bytes instead of ${headerBytes + tailLength}`,
  );
  const body = zstdDecompress(bytes.subarray(headerBytes), tailBytes(counts), "the chunk index");
  const tail = new ColumnReader(body);
  const digests = tail.bytes(counts.chunks * 32);
  const lengths = tail.words(counts.chunks);
  const rows = tail.words(counts.rows);
  const rowOffsets = new Float64Array(counts.rows + 1);
  readRows(rows, tail, { chunker, size, counts, lengths, rowOffsets });
  refuseTwice(digests, counts.chunks, "chunk");
  return { chunker, size, digests, lengths, rows, rowOffsets };
}

/** A column without what lies behind it in the same memory. */
function alone(column: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const copy = column.slice();
  freeMemory(column);
  return copy;
}
