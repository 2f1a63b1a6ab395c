import type { DiskIndex } from "./chunk_table.ts";
import { chunksWhere } from "./places.ts";
import { sortBy } from "./sort_by.ts";

/** A closed part of a pack, and the wanted chunks in it. */
export interface PackRange {
  /** The number of the pack. */
  readonly pack: number;
  /** The first byte. */
  readonly start: number;
  /** The byte after the last one. */
  readonly end: number;
  /** The wanted chunks in it, in the order in which they lie. */
  readonly chunks: Uint32Array<ArrayBuffer>;
}

/** Options of {@linkcode planRanges}. */
export interface PlanRangesOptions {
  /**
   * What a request costs, in bytes: so much may be read in vain to save one. 20 ms, eight at a time, at 50 MiB/s are 128 KiB.
   *
   * @default {128 * 1024}
   */
  requestBytes?: number;
  /** How much in all may be read in vain, as a part of what is wanted. @default {0.05} */
  wasteRatio?: number;
  /** No range is longer, unless a single chunk is, in bytes. @default {2 MiB} */
  rangeBytes?: number;
}

/**
 * The ranges to read so that all wanted chunks are in them. Neighbours go together where the bytes between them cost less than another
 * request; the smallest gaps first, until what is read in vain reaches its limit.
 *
 * @param wanted the chunks' numbers, ascending; the ranges are views of it
 */
export function planRanges(
  index: DiskIndex,
  wanted: Uint32Array<ArrayBuffer>,
  options: PlanRangesOptions = {},
): PackRange[] {
  const { requestBytes = 128 * 1024, wasteRatio = 0.05, rangeBytes = 2 * 1024 * 1024 } = options;
  const closed = gapsToClose(index, wanted, requestBytes, wasteRatio);
  const ranges: PackRange[] = [];
  let first = 0;
  for (let at = 1; at <= wanted.length; at++) {
    const start = index.offsets[wanted[first]!]!;
    if (at < wanted.length && closed[at] === 1) {
      const chunk = wanted[at]!;
      if (index.offsets[chunk]! + index.stored[chunk]! - start <= rangeBytes) continue;
    }
    const last = wanted[at - 1]!;
    ranges.push({
      pack: index.packs[last]!,
      start,
      end: index.offsets[last]! + index.stored[last]!,
      chunks: wanted.subarray(first, at),
    });
    first = at;
  }
  return ranges;
}

/** For each wanted chunk whether what lies between it and the one before is read along. */
function gapsToClose(
  index: DiskIndex,
  wanted: Uint32Array,
  requestBytes: number,
  wasteRatio: number,
): Uint8Array {
  const closed = new Uint8Array(wanted.length);
  const gapBefore = new Uint32Array(wanted.length);
  let left = 0;
  for (let at = 0; at < wanted.length; at++) {
    const chunk = wanted[at]!;
    left += index.stored[chunk]! * wasteRatio;
    if (at === 0) continue;
    const before = wanted[at - 1]!;
    if (index.packs[before] !== index.packs[chunk]) continue;
    const bytes = index.offsets[chunk]! - index.offsets[before]! - index.stored[before]!;
    if (bytes === 0) closed[at] = 1;
    else if (bytes <= requestBytes) gapBefore[at] = bytes;
  }
  const gaps = chunksWhere(wanted.length, (at) => gapBefore[at]! > 0);
  sortBy(gaps, gapBefore);
  for (const at of gaps) {
    left -= gapBefore[at]!;
    if (left < 0) break;
    closed[at] = 1;
  }
  return closed;
}
