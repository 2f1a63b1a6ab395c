/**
 * Trying a task again.
 *
 * @module
 */
import { parseDuration } from "../base/duration.ts";
import { wordsOf } from "../operation/error_data.ts";
import {
  KedgeError,
  NotAllowedError,
  StoppedError,
  UsageError,
  VerificationError,
} from "../base/errors.ts";

/** How a task is tried again after a failure. */
export interface RetryOptions {
  /** How many tries there are in all, the first one included. @default {1} */
  readonly attempts?: number | undefined;
  /** The wait before the second try: milliseconds, or a text such as `"2s"`. @default {1000} */
  readonly delay?: number | string | undefined;
  /** The factor by which the wait grows from try to try. @default {2} */
  readonly factor?: number | undefined;
  /** The longest wait: milliseconds, or a text. @default {a minute, or the delay where that is longer} */
  readonly maxDelay?: number | string | undefined;
  /** The part of each wait that is random, from 0 to 1. @default {0.5} */
  readonly jitter?: number | undefined;
  /** Whether a failure is worth another try. @default {all but bad usage, refused credentials, failed verification} */
  readonly when?: ((error: Error, attempt: number) => boolean) | undefined;
}

/** Retry options, complete. */
export type RetryPlan =
  & { readonly [K in "attempts" | "factor" | "jitter" | "when"]: NonNullable<RetryOptions[K]> }
  & {
    /** The wait before the second try, in milliseconds. */
    readonly delayMs: number;
    /** The longest wait, in milliseconds. */
    readonly maxDelayMs: number;
  };

/** Every try of a task failed. The last failure is the `cause`, and gives the exit code. */
export class RetriedError extends KedgeError {
  /** `RetriedError`. */
  override readonly name = "RetriedError";
  /** Every failure, the first one first. */
  readonly failures: readonly Error[];

  /** Says how often the task was tried. */
  constructor(task: string, failures: readonly Error[]) {
    const words = failures.map(wordsOf);
    super(`Cannot run "${task}": it failed ${failures.length} times, at last: ${words.at(-1)}`, {
      cause: failures.at(-1),
      data: { failures: words },
    });
    this.failures = failures;
  }
}

/**
 * Fills in what was left out.
 *
 * @throws {UsageError} if a number is out of its range
 */
export function retryPlan(options: number | RetryOptions = {}): RetryPlan {
  const given = typeof options === "number" ? { attempts: options } : options;
  const { attempts = 1, delay = 1000, factor = 2, jitter = 0.5 } = given;
  const delayMs = typeof delay === "string" ? parseDuration(delay) : delay;
  const { maxDelay = Math.max(60_000, delayMs) } = given;
  const plan: RetryPlan = {
    attempts,
    delayMs,
    factor,
    maxDelayMs: typeof maxDelay === "string" ? parseDuration(maxDelay) : maxDelay,
    jitter,
    when: given.when ?? isWorthAnotherTry,
  };
  check("attempts", attempts, Number.isInteger(attempts) && attempts >= 1);
  check("delay", plan.delayMs, plan.delayMs >= 0);
  check("factor", factor, factor >= 1);
  check("maxDelay", plan.maxDelayMs, plan.maxDelayMs >= 0);
  check("jitter", jitter, jitter >= 0 && jitter <= 1);
  return plan;
}

function check(name: string, value: number, good: boolean): void {
  if (!good) throw new UsageError(`Cannot retry: "${name}" must not be ${value}`);
}

/** The wait after a failed try, counted from 1 on; `random` is from 0 to 1. */
export function waitAfterMs(plan: RetryPlan, attempt: number, random: number): number {
  const full = Math.min(plan.maxDelayMs, plan.delayMs * plan.factor ** (attempt - 1));
  return Math.round(full * (1 - plan.jitter * random));
}

function isWorthAnotherTry(error: Error): boolean {
  return !(error instanceof UsageError || error instanceof VerificationError ||
    error instanceof NotAllowedError || error instanceof StoppedError);
}
