import type { Patience } from "./patience.ts";
import type { LeastPace } from "./patient_stream.ts";

/**
 * The same pieces, each of which is a sign of life of whoever takes it; too few bytes taken for a while end the call. What the maker of
 * the pieces takes its time for does not count.
 */
export async function* patientPieces(
  pieces: AsyncIterable<Uint8Array>,
  patience: Patience,
  { idleMs, leastBytes }: LeastPace,
): AsyncGenerator<Uint8Array> {
  let waitedMs = 0;
  let bytes = 0;
  for await (const piece of pieces) {
    patience.sign();
    const began = performance.now();
    yield piece;
    waitedMs += performance.now() - began;
    bytes += piece.byteLength;
    if (waitedMs < idleMs) continue;
    if (bytes < leastBytes) patience.end();
    patience.signal.throwIfAborted();
    waitedMs = bytes = 0;
  }
}
