import { type ChunkTable, type DiskIndex, holeRow } from "./chunk_table.ts";
import { sortBy } from "./sort_by.ts";

/** Where each chunk of a table lies, in any order; packs may be named that hold none of them. */
export interface ChunkPlaces {
  /** Sha256 of each pack, 32 bytes each. */
  packDigests: Uint8Array;
  /** The size of each pack in bytes. */
  packSizes: Uint32Array;
  /** The pack of each chunk. */
  packs: Uint32Array;
  /** Where each chunk begins in its pack. */
  offsets: Uint32Array;
  /** How many bytes each chunk takes there. */
  stored: Uint32Array;
}

/**
 * The index in the one order that the format has: packs as they come, without those that hold nothing, and chunks by
 * pack and offset.
 */
export function orderIndex(table: ChunkTable, places: ChunkPlaces): DiskIndex {
  const count = table.lengths.length;
  const packNumbers = new Int32Array(places.packSizes.length).fill(-1);
  for (const pack of places.packs) packNumbers[pack] = 0;
  const kept: number[] = [];
  for (let pack = 0; pack < packNumbers.length; pack++) {
    if (packNumbers[pack] === 0) packNumbers[pack] = kept.push(pack) - 1;
  }
  const order = ordered(places, packNumbers, kept.length);
  const numbers = new Uint32Array(count);
  for (let at = 0; at < count; at++) numbers[order[at]!] = at;

  const digests = new Uint8Array(count * 32);
  const pick = (column: Uint32Array) => {
    const picked = new Uint32Array(count);
    for (let at = 0; at < count; at++) picked[at] = column[order[at]!]!;
    return picked;
  };
  for (let at = 0; at < count; at++) {
    const from = order[at]! * 32;
    digests.set(table.digests.subarray(from, from + 32), at * 32);
  }
  const packDigests = new Uint8Array(kept.length * 32);
  kept.forEach((pack, at) => {
    packDigests.set(places.packDigests.subarray(pack * 32, pack * 32 + 32), at * 32);
  });
  return {
    chunker: table.chunker,
    size: table.size,
    rowOffsets: table.rowOffsets,
    digests,
    lengths: pick(table.lengths),
    rows: table.rows.map((row) => row === holeRow ? holeRow : numbers[row]!),
    packDigests,
    packSizes: Uint32Array.from(kept, (pack) => places.packSizes[pack]!),
    packs: pick(places.packs).map((pack) => packNumbers[pack]!),
    offsets: pick(places.offsets),
    stored: pick(places.stored),
  };
}

/** The chunks by pack and offset. */
function ordered(
  { packs, offsets }: ChunkPlaces,
  packNumbers: Int32Array,
  packCount: number,
): Uint32Array<ArrayBuffer> {
  const starts = new Uint32Array(packCount + 1);
  for (const pack of packs) starts[packNumbers[pack]! + 1]!++;
  for (let pack = 0; pack < packCount; pack++) starts[pack + 1]! += starts[pack]!;
  const next = starts.slice();
  const order = new Uint32Array(packs.length);
  for (let chunk = 0; chunk < packs.length; chunk++) {
    order[next[packNumbers[packs[chunk]!]!]!++] = chunk;
  }
  for (let pack = 0; pack < packCount; pack++) {
    sortBy(order.subarray(starts[pack]!, starts[pack + 1]!), offsets);
  }
  return order;
}
