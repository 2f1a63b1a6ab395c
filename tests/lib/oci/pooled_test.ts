import { assertEquals } from "@std/assert";
import { fixedLimit, Pace, tighter } from "../../../lib/http/pace.ts";
import { pooled } from "../../../lib/oci/pooled.ts";

Deno.test("pooled() begins more as soon as more may be under way, though nothing ended yet", async () => {
  const pace = new Pace(2, 4);
  const all = Promise.withResolvers<void>();
  const begun: number[] = [];
  await pooled(
    [1, 2, 3, 4],
    tighter(pace, fixedLimit(9)),
    new AbortController().signal,
    async (item) => {
      begun.push(item);
      if (begun.length === 2) { for (let i = 0; i < 2; i++) queueMicrotask(() => pace.went()); }
      if (begun.length === 4) all.resolve();
      await all.promise;
    },
  );
  assertEquals(begun, [1, 2, 3, 4]);
});

Deno.test("pooled() ends the others at the first failure and throws it", async () => {
  const ended: number[] = [];
  let message = "";
  try {
    await pooled(
      [1, 2, 3, 4, 5],
      { now: 3 },
      new AbortController().signal,
      async (item, signal) => {
        if (item === 2) throw new Error("no");
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        ended.push(item);
      },
    );
  } catch (error) {
    message = (error as Error).message;
  }
  assertEquals([message, ended], ["no", [1, 3]]);
});
