import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { defaultRetryPolicy } from "../../../lib/http/retry_policy.ts";
import { wholeRetryPolicy } from "../../../lib/http/whole_retry_policy.ts";

Deno.test("wholeRetryPolicy() takes the default for what is left out or undefined", () => {
  assertEquals(wholeRetryPolicy(), defaultRetryPolicy);
  assertEquals(wholeRetryPolicy({ retries: undefined, baseMs: 1 }), {
    ...defaultRetryPolicy,
    baseMs: 1,
  });
  assertEquals(wholeRetryPolicy({ retries: 0, ceilingMs: Infinity }), {
    ...{ retries: 0, baseMs: defaultRetryPolicy.baseMs, ceilingMs: Infinity },
  });
});

Deno.test("wholeRetryPolicy() refuses what would never come to an end", () => {
  for (const retries of [NaN, -1, "3"]) {
    assertThrows(
      () => wholeRetryPolicy({ retries: retries as number }),
      UsageError,
      "as retry.retries: it must be a number of at least 0",
    );
  }
});
