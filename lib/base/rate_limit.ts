import { delay } from "@std/async";

/**
 * A rate that several streams share. Whoever asks first is let through first; an allowance that nobody used is gone, so that a
 * pause is not followed by a burst.
 */
export class RateLimit {
  /** The rate, in bytes a second. */
  readonly bytesPerSecond: number;
  #freeAtMs = 0;

  /** A rate of so many bytes a second, above 0. */
  constructor(bytesPerSecond: number) {
    this.bytesPerSecond = bytesPerSecond;
  }

  /** The most bytes to ask for at a time: those of an eighth of a second, so that streams take turns quickly. */
  get turnBytes(): number {
    return Math.max(1, Math.floor(this.bytesPerSecond / 8));
  }

  /** Waits until so many bytes more may have come. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    const now = performance.now();
    this.#freeAtMs = Math.max(now, this.#freeAtMs) + bytes / this.bytesPerSecond * 1000;
    const waitMs = this.#freeAtMs - now;
    if (waitMs >= 1) await delay(waitMs, signal === undefined ? {} : { signal });
  }

  /** The same bytes, no faster than the rate; an abort fails them at once. */
  stream(
    bytes: ReadableStream<Uint8Array>,
    signal?: AbortSignal | null,
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const reader = bytes.getReader();
    const cancelled = new AbortController();
    const ended = signal ? AbortSignal.any([signal, cancelled.signal]) : cancelled.signal;
    let rest = new Uint8Array();
    return new ReadableStream({
      type: "bytes",
      pull: async (controller) => {
        while (rest.byteLength === 0) {
          const { value, done } = await reader.read();
          if (done) {
            controller.close();
            controller.byobRequest?.respond(0);
            return;
          }
          rest = new Uint8Array(value);
        }
        const turn = rest.subarray(0, this.turnBytes);
        rest = rest.subarray(turn.byteLength);
        await this.take(turn.byteLength, ended);
        controller.enqueue(turn.slice());
      },
      cancel: async (reason) => {
        cancelled.abort(reason);
        await reader.cancel(reason);
      },
    });
  }
}
