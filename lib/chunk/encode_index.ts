import defer * as crypto from "node:crypto";
import { freeMemory } from "../base/free_memory.ts";
import { type ChunkTable, type DiskIndex, holeRow, isDiskIndex } from "./chunk_table.ts";
import {
  entryBytes,
  flagLocal,
  headerBytes,
  type IndexCounts,
  indexMagic,
  indexVersion,
  pageBytes,
  pageIdBytes,
  tailBytes,
} from "./index_layout.ts";
import { storedBytes, storeFrame } from "./stored_frame.ts";
import { zstdCompress } from "./zstd.ts";

/**
 * The bytes of an index, as FORMAT.md lays them out. The chunks must be ordered by pack and offset, as
 * `orderIndex()` makes them. A table without packs becomes a local table, which only the own cache reads; it is not packed, since it is read before
 * anything else can begin.
 */
export function encodeIndex(table: ChunkTable): Uint8Array<ArrayBuffer> {
  const index = isDiskIndex(table) ? table : undefined;
  const counts: IndexCounts = {
    packs: index?.packSizes.length ?? 0,
    chunks: table.lengths.length,
    rows: table.rows.length,
    holes: table.rows.reduce((count, row) => row === holeRow ? count + 1 : count, 0),
    local: index === undefined,
  };
  const pages = index === undefined ? [] : encodePages(index);
  const body = encodeTail(table, counts);
  if (counts.local) return localIndex(table, counts, body);
  const tail = zstdCompress(body);
  freeMemory(body);
  const directory = new Uint8Array(pages.length * entryBytes);
  const view = new DataView(directory.buffer);
  pages.forEach(({ chunks, page }, pack) => {
    const at = pack * entryBytes;
    directory.set(index!.packDigests.subarray(pack * 32, pack * 32 + 32), at);
    view.setUint32(at + 32, index!.packSizes[pack]!, true);
    view.setUint32(at + 36, chunks, true);
    view.setUint32(at + 40, page.length, true);
    directory.set(pageId(page), at + 44);
  });
  const header = new Uint8Array(headerBytes);
  writeHeader(new DataView(header.buffer), table, counts, tail.length);
  const parts = [header, directory, ...pages.map(({ page }) => page), tail];
  return joined(parts);
}

/** A table alone; its frame is made in its place, since it may be all there is room for. */
function localIndex(
  table: ChunkTable,
  counts: IndexCounts,
  body: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(headerBytes + storedBytes(body.length));
  const tail = whole.subarray(headerBytes);
  writeHeader(new DataView(whole.buffer), table, counts, tail.length);
  storeFrame(body, tail);
  freeMemory(body);
  return whole;
}

/** What tells a page from another. */
export function pageId(page: Uint8Array): Uint8Array {
  return crypto.createHash("sha256").update(page).digest().subarray(0, pageIdBytes);
}

function encodePages(index: DiskIndex): { chunks: number; page: Uint8Array<ArrayBuffer> }[] {
  const pages: { chunks: number; page: Uint8Array<ArrayBuffer> }[] = [];
  let first = 0;
  for (let pack = 0; pack < index.packSizes.length; pack++) {
    let end = first;
    while (end < index.packs.length && index.packs[end] === pack) end++;
    const body = new Uint8Array(pageBytes(end - first));
    const view = new DataView(body.buffer);
    body.set(index.digests.subarray(first * 32, end * 32));
    let at = (end - first) * 32;
    const words = (values: Uint32Array) => {
      for (let i = 0; i < values.length; i++, at += 4) view.setUint32(at, values[i]!, true);
    };
    words(index.lengths.subarray(first, end));
    words(index.stored.subarray(first, end));
    words(gaps(index.offsets.subarray(first, end), index.stored.subarray(first, end)));
    pages.push({ chunks: end - first, page: zstdCompress(body) });
    freeMemory(body);
    first = end;
  }
  return pages;
}

function encodeTail(table: ChunkTable, counts: IndexCounts): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(tailBytes(counts));
  const view = new DataView(body.buffer);
  let at = 0;
  const words = (values: Uint32Array) => {
    for (let i = 0; i < values.length; i++, at += 4) view.setUint32(at, values[i]!, true);
  };
  if (counts.local) {
    body.set(table.digests);
    at = table.digests.length;
    words(table.lengths);
  }
  let previous = -1;
  for (let row = 0; row < table.rows.length; row++, at += 4) {
    const chunk = table.rows[row]!;
    if (chunk === holeRow) continue;
    const step = chunk - previous - 1;
    view.setUint32(at, ((step << 1) ^ (step >> 31)) + 1, true);
    previous = chunk;
  }
  for (let row = 0; row < table.rows.length; row++) {
    if (table.rows[row] !== holeRow) continue;
    view.setBigUint64(at, BigInt(table.rowOffsets[row + 1]! - table.rowOffsets[row]!), true);
    at += 8;
  }
  return body;
}

function writeHeader(
  view: DataView,
  { chunker, size }: ChunkTable,
  counts: IndexCounts,
  tailLength: number,
): void {
  for (let i = 0; i < 8; i++) view.setUint8(i, indexMagic.charCodeAt(i));
  view.setUint16(8, indexVersion, true);
  view.setUint8(10, chunker.kind === "fixed" ? 1 : 2);
  view.setUint8(11, counts.local ? flagLocal : 0);
  view.setUint32(12, chunker.minBytes, true);
  view.setUint32(16, chunker.avgBytes, true);
  view.setUint32(20, chunker.maxBytes, true);
  view.setBigUint64(24, BigInt(size), true);
  view.setUint32(32, counts.packs, true);
  view.setUint32(36, counts.chunks, true);
  view.setUint32(40, counts.rows, true);
  view.setUint32(44, counts.holes, true);
  view.setUint32(48, tailLength, true);
}

function gaps(offsets: Uint32Array, stored: Uint32Array): Uint32Array {
  const column = new Uint32Array(offsets.length);
  for (let chunk = 0; chunk < offsets.length; chunk++) {
    const end = chunk === 0 ? 0 : offsets[chunk - 1]! + stored[chunk - 1]!;
    column[chunk] = offsets[chunk]! - end;
  }
  return column;
}

/** Gives back each part once it was copied. */
function joined(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
    freeMemory(part);
  }
  return whole;
}
