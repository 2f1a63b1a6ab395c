import { LateSignals } from "../base/late_signals.ts";
import { comingBytes, type MinReader } from "../http/coming_bytes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const stepBytes = 512 * 1024;

/** Told of bytes as they come. */
export type OnBytes = (bytes: number) => void;

/**
 * Reads bodies into their places, step by step: a failure costs the step alone that was under way, and a body that comes slowly, many of them
 * over one narrow link, is not taken for one that gives nothing.
 */
export class RangeFiller {
  #late: LateSignals;
  /** Step buffers that nobody uses: what is dropped stays in memory for long. */
  #spare: ArrayBuffer[] = [];

  /** Gives a body up that gave nothing for so many milliseconds. */
  constructor(stallMs = 60_000) {
    this.#late = new LateSignals(stallMs, () => new Error(`nothing came for ${stallMs} ms`));
  }

  /**
   * Reads a body into a place until that is full or the body ends; what follows in the body is left out.
   *
   * @param onBytes told of each step, also of those before a failure
   * @throws what the connection says, or that nothing came for too long
   */
  async fill(body: ReadableStream<Bytes>, place: Bytes, onBytes: OnBytes): Promise<void> {
    const reader = body.getReader({ mode: "byob" }) as MinReader;
    let [windowMs, windowBytes] = [performance.now(), 0];
    let step = this.#spare.pop() ?? new ArrayBuffer(stepBytes);
    try {
      for (let at = 0; at < place.length;) {
        const left = Math.min(stepBytes, place.length - at);
        const startedMs = performance.now();
        const min = Math.min(left, comingBytes(windowBytes, startedMs - windowMs));
        const { value } = await this.#read(reader, new Uint8Array(step, 0, left), min);
        if (startedMs - windowMs > 1000) [windowMs, windowBytes] = [startedMs, 0];
        if (value === undefined || value.byteLength === 0) return;
        place.set(value, at);
        at += value.byteLength;
        windowBytes += value.byteLength;
        onBytes(value.byteLength);
        step = value.buffer;
      }
    } finally {
      if (step.byteLength > 0) this.#spare.push(step);
      // The connection may be broken already; what it says of that was said before.
      await reader.cancel().catch(() => undefined);
    }
  }

  async #read(reader: MinReader, view: Bytes, min: number) {
    using wait = this.#late.start();
    const giveUp = () => void reader.cancel().catch(() => undefined);
    wait.signal.addEventListener("abort", giveUp, { once: true });
    const read = await reader.read(view, { min });
    wait.signal.throwIfAborted();
    return read;
  }
}
