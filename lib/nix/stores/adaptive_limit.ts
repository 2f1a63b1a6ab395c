import { KedgeError } from "../../base/errors.ts";

/** Options of an {@linkcode AdaptiveLimit}. */
export interface AdaptiveLimitOptions {
  /** How many may be under way at first. @default {16} */
  start?: number;
  /** How many at least. @default {1} */
  min?: number;
  /** How many at most. @default {64} */
  max?: number;
}

/**
 * Bounds how much is under way at one server: grows by one with each success until the server first says that it is too much,
 * halves then, and grows by one a round from there on.
 */
export class AdaptiveLimit {
  #limit: number;
  #min: number;
  #max: number;
  #running = 0;
  #waiting: (() => void)[] = [];
  #congested = false;
  #lastHalved = -Infinity;

  /** Lets the first ones in. */
  constructor(options: AdaptiveLimitOptions = {}) {
    this.#min = options.min ?? 1;
    this.#max = Math.max(this.#min, options.max ?? 64);
    this.#limit = Math.min(this.#max, Math.max(this.#min, options.start ?? 16));
  }

  /** How many may be under way now. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Runs a function once there is room for it; an abort ends the wait. */
  async run<T>(fn: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      const value = await fn();
      this.#limit = Math.min(this.#max, this.#limit + (this.#congested ? 1 / this.#limit : 1));
      return value;
    } finally {
      this.#running--;
      this.#admit();
    }
  }

  /** The server said that it is too much; told often in a short while, it counts once. */
  congested(): void {
    this.#congested = true;
    const now = performance.now();
    if (now - this.#lastHalved < 250) return;
    this.#lastHalved = now;
    this.#limit = Math.max(this.#min, this.#limit / 2);
  }

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#running < this.limit && this.#waiting.length === 0) {
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
    while (this.#running < this.limit) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#running++;
      next();
    }
  }
}
