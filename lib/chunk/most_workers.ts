import type { Chunker } from "./chunker.ts";

/** Of chunks that may be larger, what workers keep to cut a file is too much to keep while they do other work, in bytes. */
export const largeChunk = 4 * 1024 * 1024;

/** How many workers may have to do with chunks of a chunker: of the largest ones each keeps some 60 MB. */
export function mostWorkers({ maxBytes }: Chunker): number {
  return maxBytes > 2 * largeChunk ? 2 : Infinity;
}
