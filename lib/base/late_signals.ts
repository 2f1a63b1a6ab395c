/**
 * Waits that may last only so long, all with the same limit, on one timer.
 *
 * `setTimeout` would bring all of Node's timers along at its first call, which is a fifth of an empty program's start; an
 * `AbortSignal.timeout` does not, but stays until its time is over, which is much memory where each of thousands of requests has
 * one. So there is one at most, it is heard only while somebody waits, and a process that nobody waits in can end.
 *
 * @module
 */
import { longestTimerMs } from "./long_timeout.ts";

/** Signals that abort when something lasted longer than a limit. */
export class LateSignals {
  #limitMs: number;
  #reason: () => Error;
  #waits = new Map<AbortController, number>();
  #tick: AbortSignal | undefined;
  #onTick = () => this.#look();

  /** Starts nothing; `limitMs` is in milliseconds, `reason` is what the signals abort with. */
  constructor(limitMs: number, reason: () => Error) {
    this.#limitMs = limitMs;
    this.#reason = reason;
  }

  /** A signal that aborts when the limit is over, unless it was disposed of before. */
  start(): Disposable & { signal: AbortSignal } {
    const controller = new AbortController();
    this.#waits.set(controller, performance.now() + this.#limitMs);
    if (this.#waits.size === 1) this.#listen(this.#limitMs);
    return { signal: controller.signal, [Symbol.dispose]: () => this.#end(controller) };
  }

  #end(controller: AbortController): void {
    if (!this.#waits.delete(controller) || this.#waits.size > 0) return;
    this.#tick?.removeEventListener("abort", this.#onTick);
  }

  /** Hears of the timer that runs, which is never later than the first of the limits; or starts one. */
  #listen(ms: number): void {
    if (this.#tick === undefined || this.#tick.aborted) {
      this.#tick = AbortSignal.timeout(Math.min(Math.ceil(ms), longestTimerMs));
    }
    this.#tick.addEventListener("abort", this.#onTick);
  }

  #look(): void {
    const now = performance.now();
    for (const [controller, deadline] of [...this.#waits]) {
      if (deadline > now) continue;
      this.#waits.delete(controller);
      controller.abort(this.#reason());
    }
    const [first] = this.#waits.values();
    if (first !== undefined) this.#listen(first - now);
  }
}
