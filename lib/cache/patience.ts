/** Ends a call that shows no sign of life for a while; its reason is a `TimeoutError`. */
export class Patience implements Disposable {
  /** Fires when it is over, or with the signal that it was given. */
  readonly signal: AbortSignal;
  #stop = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ms: number;

  /** Waits for the first sign from now on. */
  constructor(outer: AbortSignal, ms: number) {
    this.signal = AbortSignal.any([outer, this.#stop.signal]);
    this.#ms = ms;
    this.sign();
  }

  /** A sign of life: the wait begins anew. */
  sign(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.end(), this.#ms);
  }

  /** Nothing is waited for until the next sign is due again. */
  rest(): void {
    clearTimeout(this.#timer);
  }

  /** Ends the call now. */
  end(): void {
    this.#stop.abort(
      new DOMException(`it showed no sign of life within ${this.#ms} ms`, "TimeoutError"),
    );
  }

  /** Waits no more. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
