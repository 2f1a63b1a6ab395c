import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { AdaptiveLimit } from "../../../../lib/nix/stores/adaptive_limit.ts";

async function most(limit: AdaptiveLimit, count: number): Promise<number> {
  let running = 0;
  let highest = 0;
  await Promise.all(Array.from({ length: count }, () =>
    limit.run(async () => {
      highest = Math.max(highest, ++running);
      await delay(1);
      running--;
    })));
  return highest;
}

Deno.test("AdaptiveLimit grows while all goes well, to its most", async () => {
  const limit = new AdaptiveLimit({ start: 2, max: 10 });
  const highest = await most(limit, 100);
  assertEquals([highest <= 10, highest > 5], [true, true]);
  assertEquals(limit.limit, 10);
});

Deno.test("AdaptiveLimit halves when it is too much, once in a while, and never ends", async () => {
  const limit = new AdaptiveLimit({ start: 8, max: 64 });
  limit.congested();
  limit.congested();
  assertEquals(limit.limit, 4);
  assert(await most(limit, 20) <= 10);
});

Deno.test("AdaptiveLimit lets go of a waiting one that is aborted", async () => {
  const limit = new AdaptiveLimit({ start: 1, max: 1 });
  const held = Promise.withResolvers<void>();
  const first = limit.run(() => held.promise);
  const controller = new AbortController();
  const second = limit.run(() => Promise.resolve("never"), controller.signal);
  controller.abort(new Error("enough"));
  await assertRejects(() => second, Error, "enough");
  held.resolve();
  await first;
  assertEquals(await limit.run(() => Promise.resolve(3)), 3);
});

Deno.test("AdaptiveLimit gives the place of a failed one to the next", async () => {
  const limit = new AdaptiveLimit({ start: 1, max: 1 });
  await assertRejects(() => limit.run(() => Promise.reject(new Error("no"))), Error, "no");
  assertEquals(await limit.run(() => Promise.resolve(1)), 1);
});
