import { longestRetryAfterMs, retryDelayMs, type RetryPolicy } from "./retry_policy.ts";

/** What went wrong with a try. */
export interface RetryFailure {
  /** Whether the server is well and only wants fewer requests: 429 or 503. */
  isBusy?: boolean;
  /** How long it asked to wait, in milliseconds. */
  askedMs?: number | undefined;
}

/**
 * What may still be tried of one thing.
 *
 * Faults use up the retries of the policy. A server that is busy and says for how long does not: it has a budget of its own, twice
 * as many answers, and no more waiting in all than {@linkcode longestRetryAfterMs}. So an overloaded server that is polite is
 * waited for, and one that is polite for ever is not.
 */
export class RetryBudget {
  #policy: RetryPolicy;
  #random: () => number;
  #faults = 0;
  #busy = 0;
  #waitedMs = 0;

  /** A budget of which nothing is used. */
  constructor(policy: RetryPolicy, random: () => number = Math.random) {
    this.#policy = policy;
    this.#random = random;
  }

  /** How long to wait before the next try, in milliseconds; `undefined` where there is to be none. */
  next({ isBusy = false, askedMs }: RetryFailure): number | undefined {
    const isPolite = isBusy && askedMs !== undefined;
    const used = isPolite ? this.#busy : this.#faults;
    if (used >= this.#policy.retries * (isPolite ? 2 : 1)) return undefined;
    if (this.#waitedMs + (askedMs ?? 0) > longestRetryAfterMs) return undefined;
    if (isPolite) this.#busy++;
    else this.#faults++;
    const waitMs = retryDelayMs(this.#policy, used, askedMs, this.#random);
    if (askedMs !== undefined) this.#waitedMs += waitMs;
    return waitMs;
  }

  /** Something came: what was used before does not count any more. */
  refill(): void {
    this.#faults = this.#busy = this.#waitedMs = 0;
  }
}
