/** Data, tables and indexes for the tests of chunks and disks. @module */
import { concat } from "@std/bytes";
import { sha256 } from "../../lib/base/digest.ts";
import type { Chunker } from "../../lib/chunk/chunker.ts";
import type { ChunkTable, DiskIndex } from "../../lib/chunk/chunk_table.ts";
import { setDigest } from "../../lib/chunk/digest_column.ts";
import { orderIndex } from "../../lib/chunk/order_index.ts";
import { Scanner } from "../../lib/chunk/scanner.ts";
import { TableBuilder } from "../../lib/chunk/table_builder.ts";

/** Bytes that look random and are the same for the same seed. */
export function noise(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.ceil(size / 4) * 4);
  const words = new Uint32Array(bytes.buffer);
  let state = (seed * 0x9e3779b9) | 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return bytes.slice(0, size);
}

/** The same bytes with those at some places changed. */
export function edited(data: Uint8Array, ...at: number[]): Uint8Array<ArrayBuffer> {
  const copy = data.slice();
  for (const place of at) copy[place]! ^= 0xff;
  return copy;
}

/** A zstd frame of one byte again and again, at most 128 KiB of it, with a window of 2 to so much, without its size (RFC 8878, section 3.1.1). */
export function runFrame(byte: number, size: number, windowLog: number): Uint8Array<ArrayBuffer> {
  const block = size << 3 | 1 << 1 | 1;
  const head = [0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3];
  return new Uint8Array([...head, block & 255, block >> 8 & 255, block >> 16, byte]);
}

/** Joins pieces of data. */
export function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concat(parts);
}

/** The rows of data: chunks as `[start, end]`, holes as negative lengths. */
export function scanAll(
  data: Uint8Array,
  chunker: Chunker,
  windowBytes = 1 << 20,
): (readonly [number, number] | number)[] {
  const rows: (readonly [number, number] | number)[] = [];
  const scanner = new Scanner(chunker);
  let start = 0;
  let end = 0;
  while (start < data.length) {
    end = Math.min(data.length, end + windowBytes);
    const base = start;
    scanner.room(end - start).set(data.subarray(start, end));
    start += scanner.scan(end - start, end === data.length, {
      chunk: (from, to) => rows.push([base + from, base + to]),
      hole: (length) => {
        const last = rows.at(-1);
        if (typeof last === "number") rows[rows.length - 1] = last - length;
        else rows.push(-length);
      },
    });
  }
  return rows;
}

/** The table of data, made in one piece. */
export function tableOf(data: Uint8Array, chunker: Chunker): ChunkTable {
  const builder = new TableBuilder(chunker);
  const column = new Uint8Array(32);
  for (const row of scanAll(data, chunker)) {
    if (typeof row === "number") {
      builder.hole(-row);
    } else {
      setDigest(column, 0, sha256(data.subarray(row[0], row[1])));
      builder.chunk(column, 0, row[1] - row[0]);
    }
  }
  return builder.table();
}

/** An index that stores every chunk as it is, in packs of so many chunks; the packs' digests are made up. */
export function rawIndex(table: ChunkTable, chunksPerPack = 4): DiskIndex {
  const count = table.lengths.length;
  const packCount = Math.ceil(count / chunksPerPack);
  const places = {
    packDigests: new Uint8Array(32 * packCount),
    packSizes: new Uint32Array(packCount),
    packs: new Uint32Array(count),
    offsets: new Uint32Array(count),
    stored: table.lengths.slice(),
  };
  for (let chunk = 0; chunk < count; chunk++) {
    const pack = Math.floor(chunk / chunksPerPack);
    places.packs[chunk] = pack;
    places.offsets[chunk] = places.packSizes[pack]!;
    places.packSizes[pack]! += table.lengths[chunk]!;
  }
  for (let pack = 0; pack < packCount; pack++) {
    setDigest(places.packDigests, pack, sha256(`pack ${pack}`));
  }
  return orderIndex(table, places);
}
