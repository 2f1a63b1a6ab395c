import type { Chunker } from "./chunker.ts";

/** Of chunks that may be larger, what workers keep to cut a file is too much to keep while they do other work, in bytes. */
export const largeChunk = 4 * 1024 * 1024;

/** Of chunks below this a worker drops so many things that they are collected too late, in bytes. */
const smallChunk = 8 * 1024;

/** How many workers may have to do with chunks of a chunker: of the largest and of the smallest ones each keeps some 60 MB. */
export function mostWorkers({ avgBytes, maxBytes }: Chunker): number {
  return maxBytes > 2 * largeChunk || avgBytes < smallChunk ? 2 : Infinity;
}

/** Whether what workers keep to cut a file with a chunker is too much for that. */
export function keepsMuch({ avgBytes, maxBytes }: Chunker): boolean {
  return maxBytes > largeChunk || avgBytes < smallChunk;
}
