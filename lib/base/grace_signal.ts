/** A signal that follows another after a while. */
export class GraceSignal implements Disposable {
  #controller = new AbortController();
  #outer: AbortSignal | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #begin = (): void => {
    this.#timer = setTimeout(() => this.#controller.abort(this.#outer?.reason), this.#graceMs);
  };
  #graceMs: number;

  /** Waits for the other to fire. */
  constructor(outer: AbortSignal | undefined, graceMs: number) {
    this.#outer = outer;
    this.#graceMs = graceMs;
    if (outer?.aborted) this.#begin();
    else outer?.addEventListener("abort", this.#begin, { once: true });
  }

  /** The late signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Follows no longer. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#begin);
  }
}
