import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { Pace } from "../../../../lib/http/pace.ts";
import { Throttle } from "../../../../lib/nix/stores/throttle.ts";

/** Does so many works; tells how many were under way at most. */
async function most(throttle: Throttle, count: number): Promise<number> {
  let running = 0;
  let highest = 0;
  await Promise.all(Array.from({ length: count }, () =>
    throttle.run(async () => {
      highest = Math.max(highest, ++running);
      await delay(1);
      running--;
    })));
  return highest;
}

Deno.test("Throttle lets in more with each that went well, to the most of its pace", async () => {
  const pace = new Pace(2, 10);
  const highest = await most(new Throttle(pace), 100);
  assert(highest <= 10 && highest > 5, `${highest} were under way`);
  assertEquals(pace.now, 10);
});

Deno.test("Throttle lets in no more than its pace allows after a refusal", async () => {
  const pace = new Pace(8, 64);
  pace.refused();
  assertEquals(await most(new Throttle(pace), 4), 4);
  assert(await most(new Throttle(pace), 20) < 8);
});

Deno.test("Throttle settles at 3 to 4 works at a server that refuses more than 4", async () => {
  let nowMs = 0;
  const pace = new Pace(16, 64, () => nowMs);
  const throttle = new Throttle(pace);
  const limits: number[] = [];
  let running = 0;
  const work = async () => {
    while (running >= 4) {
      pace.refused();
      await delay(1);
    }
    running++;
    await delay(1);
    running--;
    nowMs += 10;
    limits.push(pace.now);
  };
  await Promise.all(Array.from({ length: 800 }, () => throttle.run(work)));
  assertEquals(limits.slice(200).filter((limit) => limit < 3 || limit > 5), []);
  assert(limits.slice(200).filter((limit) => limit === 5).length <= 600 / 20);
});

Deno.test("Throttle lets go of a waiting one that is aborted", async () => {
  const throttle = new Throttle(new Pace(1, 1));
  const held = Promise.withResolvers<void>();
  const first = throttle.run(() => held.promise);
  const controller = new AbortController();
  const second = throttle.run(() => Promise.resolve("never"), controller.signal);
  controller.abort(new Error("enough"));
  await assertRejects(() => second, Error, "enough");
  held.resolve();
  await first;
  assertEquals(await throttle.run(() => Promise.resolve(3)), 3);
});

Deno.test("Throttle gives the place of a failed one to the next", async () => {
  const throttle = new Throttle(new Pace(1, 1));
  await assertRejects(() => throttle.run(() => Promise.reject(new Error("no"))), Error, "no");
  assertEquals(await throttle.run(() => Promise.resolve(1)), 1);
});
