/** Gives a connection up when nothing was heard of it for a while. */
export class Watchdog {
  #timer: ReturnType<typeof setInterval>;
  #last = performance.now();
  /** Why it was given up, once it was. */
  verdict: Error | undefined;

  /** Begins at once; a limit of `stallMs` milliseconds is noticed at most a second, or a quarter of it, late. */
  constructor(stallMs: number, onVerdict: (verdict: Error) => void) {
    this.#timer = setInterval(() => {
      if (performance.now() - this.#last < stallMs) return;
      this.stop();
      this.verdict = new Error(`the connection stood still for ${stallMs} ms`);
      onVerdict(this.verdict);
    }, Math.min(1000, stallMs / 4));
  }

  /** Something was heard. */
  touch(): void {
    this.#last = performance.now();
  }

  /** Ends the watch. */
  stop(): void {
    clearInterval(this.#timer);
  }
}
