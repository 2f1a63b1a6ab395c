/**
 * Where a table of digests looks for one: by tabulation (Pătraşcu and Thorup, "The Power of Simple Tabulation Hashing", 2012), with tables that are
 * drawn per process, so that nobody can craft digests that all begin at one place.
 *
 * @module
 */
const tables = crypto.getRandomValues(new Int32Array(32 * 256));

/** 32 bits that the first `bytes` bytes of digest `at` of a column of 32 bytes each give. */
export function digestHash(column: Uint8Array, at: number, bytes: number): number {
  const start = at * 32;
  let hash = 0;
  for (let i = 0; i < bytes; i++) hash ^= tables[i << 8 | column[start + i]!]!;
  return hash >>> 0;
}
