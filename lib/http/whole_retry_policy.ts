import { refusedOption } from "../base/check_options.ts";
import { defaultRetryPolicy, type RetryPolicy } from "./retry_policy.ts";

/** Some of a policy; what is left out, or `undefined`, is as usual. */
export type SomeRetryPolicy = { [K in keyof RetryPolicy]?: RetryPolicy[K] | undefined };

/**
 * The whole of a policy of which some was given.
 *
 * @throws {UsageError} if a part is not a number of at least 0: with one there would be no end of trying
 */
export function wholeRetryPolicy(given: SomeRetryPolicy = {}): RetryPolicy {
  const part = (name: keyof RetryPolicy): number => {
    const value: unknown = given[name] ?? defaultRetryPolicy[name];
    if (typeof value === "number" && value >= 0) return value;
    throw refusedOption(`retry.${name}`, value, "a number of at least 0");
  };
  return { retries: part("retries"), baseMs: part("baseMs"), ceilingMs: part("ceilingMs") };
}
