import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async";
import { longestTimerMs, longTimeout } from "../../../lib/base/long_timeout.ts";

Deno.test("longTimeout() calls once its time is over, and not before where that is more than a timer waits", async () => {
  const called: string[] = [];
  using _soon = longTimeout(() => called.push("soon"), 5);
  using _late = longTimeout(() => called.push("late"), longestTimerMs + 5);
  longTimeout(() => called.push("disposed of"), 5)[Symbol.dispose]();
  await delay(50);
  assertEquals(called, ["soon"]);
});

Deno.test("longTimeout() waits as often as it takes", async () => {
  const [began, called] = [performance.now(), Promise.withResolvers<number>()];
  using _third = longTimeout(() => called.resolve(performance.now()), 30, 10);
  // A timer may be a millisecond early.
  assert(await called.promise - began >= 27);
});
