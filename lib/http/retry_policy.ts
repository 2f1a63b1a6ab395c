/** How often and how patiently a request is tried again. */
export interface RetryPolicy {
  /** How many times after the first; twice as often where a busy server says how long to wait. */
  retries: number;
  /** The longest first wait, in milliseconds; it doubles each time. */
  baseMs: number;
  /** The longest wait of all, in milliseconds. */
  ceilingMs: number;
}

/** Four retries, 250 ms doubling to at most 20 s. */
export const defaultRetryPolicy: RetryPolicy = { retries: 4, baseMs: 250, ceilingMs: 20_000 };

/** The longest that one request waits for what Retry-After says, in milliseconds; a server that wants more is given up at once. */
export const longestRetryAfterMs = 5 * 60_000;

/** Whether a status says that the same request may well succeed later. */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 ||
    (status >= 500 && status !== 501 && status !== 505 && status !== 507 && status !== 511);
}

/** Whether a status says that the server is well, and wants fewer requests. */
export function isBusyStatus(status: number): boolean {
  return status === 429 || status === 503;
}

/**
 * How long to wait before the retry of this number (from 0), in milliseconds: full jitter, and never less than what
 * the server asked for.
 */
export function retryDelayMs(
  policy: RetryPolicy,
  retry: number,
  retryAfterMs: number | undefined,
  random: () => number,
): number {
  const ceiling = Math.min(policy.ceilingMs, policy.baseMs * 2 ** retry);
  return Math.max(retryAfterMs ?? 0, ceiling * random());
}

/** What a Retry-After header asks for, in milliseconds; `undefined` where it says nothing that can be read. */
export function parseRetryAfterMs(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

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
