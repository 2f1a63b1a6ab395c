import { assertEquals } from "@std/assert";
import { RetryBudget } from "../../../lib/http/retry_policy.ts";

const policy = { retries: 2, baseMs: 100, ceilingMs: 1000 };
const budget = () => new RetryBudget(policy, () => 1);

Deno.test("RetryBudget gives faults the retries of the policy, and waits longer each time", () => {
  const faults = budget();
  assertEquals([faults.next({}), faults.next({}), faults.next({})], [100, 200, undefined]);
});

Deno.test("RetryBudget counts a busy server that says how long to wait apart from faults, and not for ever", () => {
  const mixed = budget();
  const polite = { isBusy: true, askedMs: 5000 };
  assertEquals([1, 2, 3].map(() => mixed.next(polite)), [5000, 5000, 5000]);
  assertEquals([mixed.next({}), mixed.next({}), mixed.next({})], [100, 200, undefined]);
  assertEquals([mixed.next(polite), mixed.next(polite)], [5000, undefined]);
});

Deno.test("RetryBudget takes a busy server that does not say how long to wait for a fault", () => {
  const silent = budget();
  assertEquals([1, 2, 3].map(() => silent.next({ isBusy: true })), [100, 200, undefined]);
});

Deno.test("RetryBudget waits for what servers ask no longer than five minutes in all", () => {
  const long = budget();
  const polite = { isBusy: true, askedMs: 200_000 };
  assertEquals([long.next(polite), long.next(polite)], [200_000, undefined]);
  assertEquals(long.next({ askedMs: 200_000 }), undefined);
  assertEquals(budget().next({ askedMs: 300_001 }), undefined);
});

Deno.test("RetryBudget waits the five minutes to their last millisecond, at once or in parts", () => {
  assertEquals(budget().next({ askedMs: 300_000 }), 300_000);
  const parts = budget();
  const halves = [1, 2].map(() => parts.next({ isBusy: true, askedMs: 150_000 }));
  assertEquals(halves, [150_000, 150_000]);
  assertEquals(parts.next({ isBusy: true, askedMs: 1 }), undefined);
});

Deno.test("RetryBudget is whole again once something came", () => {
  const refilled = budget();
  const polite = { isBusy: true, askedMs: 200_000 };
  refilled.next({});
  refilled.next({});
  refilled.next(polite);
  refilled.refill();
  assertEquals([refilled.next({}), refilled.next(polite)], [100, 200_000]);
});

Deno.test("RetryBudget without retries has none for a busy server either", () => {
  const none = new RetryBudget({ ...policy, retries: 0 });
  assertEquals([none.next({}), none.next({ isBusy: true, askedMs: 0 })], [undefined, undefined]);
});
