import { counted } from "../base/counted.ts";
import { UnreachableError } from "../base/errors.ts";
import { displayUrl } from "./display_url.ts";
import { BusyError } from "./range_source.ts";
import { defaultRetryPolicy, RetryBudget, type RetryPolicy } from "./retry_policy.ts";

/** How often a piece of a download may still be asked for; whenever bytes came, that begins anew. */
export class PieceRetries {
  #budget: RetryBudget;
  #tried = 0;

  /** Nothing was tried yet. */
  constructor(policy: RetryPolicy = defaultRetryPolicy) {
    this.#budget = new RetryBudget(policy);
  }

  /** Bytes came. */
  refill(): void {
    this.#budget.refill();
    this.#tried = 0;
  }

  /**
   * How long to wait after a failure until the piece is asked for again, in milliseconds.
   *
   * @throws {UnreachableError} if it was asked for often enough
   */
  next(error: unknown, { action, url }: { action: string; url: string }): number {
    this.#tried++;
    const waitMs = this.#budget.next(
      error instanceof BusyError ? { isBusy: true, askedMs: error.askedMs } : {},
    );
    if (waitMs !== undefined) return waitMs;
    const tried = this.#tried;
    throw new UnreachableError(
      `Cannot ${action} ${displayUrl(url)}: ${(error as Error).message}, tried ${
        counted(tried, "time")
      }`,
      { cause: error, data: { url: displayUrl(url), tried } },
    );
  }
}
