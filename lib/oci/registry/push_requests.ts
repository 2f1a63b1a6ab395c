import type { UploadHabits } from "../memory.ts";
import type { ResumeProof } from "./resume_proof.ts";

/** Blobs of this size and more go in chunks. */
export const chunkedFromBytes: number = 64 * 1024 * 1024;
/** The size of a chunk. */
export const chunkBytes: number = 32 * 1024 * 1024;

/** Requests that a push costs: the opening, the chunks, the proof between them where it is due, the end. */
export function pushRequests(
  size: number,
  habits: UploadHabits,
  proof: ResumeProof,
  offset?: number,
): number {
  if (size < chunkedFromBytes || !habits.chunks) return 2;
  const { minChunkBytes, mostChunkBytes = Infinity } = habits;
  const chunk = Math.max(Math.min(chunkBytes, mostChunkBytes), minChunkBytes, 1);
  const chunks = Math.ceil((size - (offset ?? 0)) / chunk);
  return (offset === undefined ? 1 : 0) + chunks + (chunks > 1 && proof.plan() ? 1 : 0) + 1;
}
