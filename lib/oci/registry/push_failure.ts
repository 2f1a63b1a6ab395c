import type { UnreachableError } from "../../base/errors.ts";
import type { RetryFailure } from "../../http/retry_policy.ts";

/** How a try to push a blob ended that has to be followed by another. */
export interface PushFailure extends RetryFailure {
  /** What went wrong. */
  readonly state: string;
  /** How often a request of it was sent. @default {1} */
  readonly tried?: number;
  /** What led to it. */
  readonly cause?: unknown;
}

/** The failure of a request that was tried as often as it says: who tries it again counts on, and says it in the end. */
export function failedRequest(error: UnreachableError): PushFailure {
  const { message, data } = error;
  const tried = Number(data["tried"] ?? 1);
  return { state: message.replace(/, tried \d+ times?$/, ""), tried, cause: error };
}
