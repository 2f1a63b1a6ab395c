/**
 * The content-defined cut: normalised gear hashing.
 *
 * Follows Xia et al., "FastCDC" (USENIX ATC 2016): a gear hash of 32 bits, judged by its high bits; a stricter mask before the mean
 * length and a laxer one after it (normalisation level 2); nothing is judged before the minimum.
 *
 * @module
 */
import type { Chunker } from "./chunker.ts";

let table: Int32Array | undefined;

/** The 256 gear values: the finaliser of MurmurHash3 over the byte's number times 0x9e3779b9, plus one step of it. */
export function gearTable(): Int32Array {
  if (table !== undefined) return table;
  table = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let h = Math.imul(byte + 1, 0x9e3779b9);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    table[byte] = h ^ (h >>> 16);
  }
  return table;
}

/**
 * The end of the chunk that begins at `start`; `end` is the end of the data, or at least `start` + `maxBytes`.
 */
export function gearCut(data: Uint8Array, start: number, end: number, chunker: Chunker): number {
  const gear = gearTable();
  const limit = Math.min(end, start + chunker.maxBytes);
  let at = start + chunker.minBytes;
  if (at >= limit) return limit;
  const normal = Math.min(limit, start + chunker.avgBytes);
  const bits = 31 - Math.clz32(chunker.avgBytes);
  let hash = 0;
  const strict = -1 << (32 - bits - 2);
  for (; at < normal; at++) {
    hash = ((hash << 1) + gear[data[at]!]!) | 0;
    if ((hash & strict) === 0) return at + 1;
  }
  const lax = -1 << (32 - bits + 2);
  for (; at < limit; at++) {
    hash = ((hash << 1) + gear[data[at]!]!) | 0;
    if ((hash & lax) === 0) return at + 1;
  }
  return limit;
}
