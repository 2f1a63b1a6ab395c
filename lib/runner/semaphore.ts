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
