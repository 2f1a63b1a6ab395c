import type { Patience } from "./patience.ts";

/** How slowly contents may come. */
export interface LeastPace {
  /** So long, in milliseconds, without a byte or for fewer than {@linkcode LeastPace.leastBytes}. */
  idleMs: number;
  /** The fewest bytes in that time. */
  leastBytes: number;
}

/**
 * The same bytes; it ends with an error when too few come for a while, and calls back once at its end. What the reader of them takes
 * its time for does not count.
 */
export function patientStream(
  body: ReadableStream<Uint8Array>,
  patience: Patience,
  { idleMs, leastBytes }: LeastPace,
  atEnd: () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let ended = false;
  let waitedMs = 0;
  let bytes = 0;
  const end = () => {
    if (!ended) atEnd();
    ended = true;
  };
  const read = async () => {
    const began = performance.now();
    patience.sign();
    const { value, done } = await reader.read();
    patience.rest();
    waitedMs += performance.now() - began;
    bytes += value?.byteLength ?? 0;
    if (!done && waitedMs >= idleMs && bytes < leastBytes) patience.end();
    patience.signal.throwIfAborted();
    if (waitedMs >= idleMs) waitedMs = bytes = 0;
    return { value, done };
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done } = await read();
        if (!done) return controller.enqueue(value!);
        end();
        controller.close();
      } catch (error) {
        await reader.cancel(error).catch(() => undefined);
        end();
        throw error;
      }
    },
    async cancel(reason) {
      await reader.cancel(reason).catch(() => undefined);
      end();
    },
  }, { highWaterMark: 0 });
}
