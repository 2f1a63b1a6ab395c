import { assertEquals } from "@std/assert";
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
  const called: string[] = [];
  using _late = longTimeout(() => called.push("third turn"), 30, 10);
  using _soon = longTimeout(() => called.push("one turn"), 20);
  await delay(100);
  assertEquals(called, ["one turn", "third turn"]);
});
