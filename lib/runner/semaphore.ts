/** Lets at most so many in at a time. */
export class Semaphore {
  #free: number;
  #waiting: (() => void)[] = [];

  /** `permits` may be held at the same time. */
  constructor(permits: number) {
    this.#free = permits;
  }

  /** Waits for a permit; disposing of it gives it back, once. */
  async acquire(): Promise<Disposable> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        const next = this.#waiting.shift();
        if (next === undefined) this.#free++;
        else next();
      },
    };
  }
}

/** The permit of one task, which may be taken by several waits inside of it. */
export class Permit {
  #permits: Semaphore;
  #held: Disposable | undefined;
  #lent = 0;

  /** Holds nothing yet. */
  constructor(permits: Semaphore) {
    this.#permits = permits;
  }

  /** Waits for the permit; where it was lent several times, until the last of them is back. */
  async take(): Promise<void> {
    if (this.#lent > 0 && --this.#lent > 0) return;
    this.#held = await this.#permits.acquire();
  }

  /** Gives the permit back, or lends it while this task waits for another. */
  give(): void {
    this.#lent++;
    this.#held?.[Symbol.dispose]();
    this.#held = undefined;
  }
}
