import type { ObjectMeter } from "../../base/meter.ts";

/** How many bytes before the end something begins that is to be over with the end: what a fast link brings in the time of a request. */
const mostBeforeBytes = 8 * 1024 * 1024;

/** Calls back once, when the last bytes are all that is left of several objects: at most a quarter of them. */
export class LastBytes {
  #left: number;
  #beforeBytes: number;
  #call: (() => void) | undefined;

  /** Waits for objects of so many bytes in all. */
  constructor(totalBytes: number, call: () => void) {
    this.#left = totalBytes;
    this.#beforeBytes = Math.min(mostBeforeBytes, totalBytes / 4);
    this.#call = call;
    this.#came(0);
  }

  /** Watches the progress of one object. */
  watch(progress: ObjectMeter): ObjectMeter {
    let bytes = 0;
    return {
      moved: (count) => {
        bytes += count;
        progress.moved(count);
        this.#came(count);
      },
      reused: (count) => {
        bytes += count;
        progress.reused(count);
        this.#came(count);
      },
      restarted: (lost = bytes) => {
        progress.restarted(lost);
        this.#came(-lost);
        bytes -= lost;
      },
      [Symbol.dispose]: () => progress[Symbol.dispose](),
    };
  }

  #came(bytes: number): void {
    this.#left -= bytes;
    if (this.#left > this.#beforeBytes || this.#call === undefined) return;
    this.#call();
    this.#call = undefined;
  }
}
