import { type ChunkTable, type DiskIndex, holeRow } from "./chunk_table.ts";

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
  // One sortable number per chunk: its pack above its offset; both are integers below 2 ** 32.
  const keys = new Float64Array(count);
  for (let chunk = 0; chunk < count; chunk++) {
    keys[chunk] = packNumbers[places.packs[chunk]!]! * 2 ** 28 + places.offsets[chunk]!;
  }
  const order = Uint32Array.from({ length: count }, (_, chunk) => chunk);
  order.sort((a, b) => keys[a]! - keys[b]!);
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
