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
