import type { Chunker } from "./chunker.ts";

const mb = 1_000_000;

/** What all workers together may take beside the rest of the process. */
const roomBytes = 210 * mb;

/** What a worker takes that compresses nothing. */
const idleBytes = 20 * mb;

/**
 * How many workers may compress chunks at a time, so that a push keeps within 300 MB: from its level 10 on zstd takes up to 96 MB for each
 * of them.
 */
export function packWorkers({ maxBytes }: Chunker, level: number): number {
  const eachBytes = idleBytes + 2 * maxBytes + zstdBytes(level, maxBytes);
  return Math.max(1, Math.floor(roomBytes / eachBytes));
}

/** What zstd takes to compress so many bytes, measured: its tables grow with them up to the size that the level has for them. */
function zstdBytes(level: number, sizeBytes: number): number {
  const most = level > 18 ? 96 : level > 9 ? 75 : level > 5 ? 22 : 10;
  return Math.min(most * mb, 18 * sizeBytes);
}
