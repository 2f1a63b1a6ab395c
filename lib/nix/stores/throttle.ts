import { KedgeError } from "../../base/errors.ts";
import type { Pace } from "../../http/pace.ts";

/** Lets work at one server begin, in the order in which it came, while the server's pace has room for it. */
export class Throttle {
  readonly #pace: Pace;
  #running = 0;
  #waiting: (() => void)[] = [];

  /** Lets in as many as a pace allows, which goes up with each that went well. */
  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** Runs a function once there is room for it; an abort ends the wait. */
  async run<T>(fn: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      const value = await fn();
      this.#pace.went();
      return value;
    } finally {
      this.#running--;
      this.#admit();
    }
  }

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#running < this.#pace.now && this.#waiting.length === 0) {
      this.#running++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const admit = () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      };
      const stop = () => {
        this.#waiting = this.#waiting.filter((each) => each !== admit);
        reject(signal?.reason ?? new KedgeError("Cannot wait any longer: aborted"));
      };
      signal?.addEventListener("abort", stop, { once: true });
      this.#waiting.push(admit);
    });
  }

  #admit(): void {
    while (this.#running < this.#pace.now) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#running++;
      next();
    }
  }
}
