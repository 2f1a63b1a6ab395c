import { assert, assertEquals } from "@std/assert";
import { Pace } from "../../../lib/oci/pace.ts";
import { pooled } from "../../../lib/oci/pooled.ts";

Deno.test("Pace goes up by one a round and halves on a refusal, once a burst", () => {
  let now = 0;
  const pace = new Pace(4, 8, () => now);
  const seen = [pace.now];
  for (let i = 0; i < 4; i++) pace.went();
  seen.push(pace.now);
  pace.refused();
  pace.refused();
  seen.push(pace.now);
  now += 1000;
  pace.refused();
  now += 1000;
  pace.refused();
  now += 1000;
  pace.refused();
  seen.push(pace.now);
  for (let i = 0; i < 100; i++) pace.went();
  seen.push(pace.now);
  assertEquals(seen, [4, 5, 3, 1, 8]);
});

Deno.test("Pace stays below what was too much, and tries it again after many rounds", () => {
  let now = 0;
  const pace = new Pace(5, 16, () => now += 1000);
  pace.refused();
  const seen = [pace.now];
  for (let i = 0; i < 100; i++) pace.went();
  seen.push(pace.now);
  for (let i = 0; i < 31; i++) pace.went();
  seen.push(pace.now);
  for (let i = 0; i < 100; i++) pace.went();
  seen.push(pace.now);
  assertEquals(seen, [3, 4, 5, 15]);
});

/** Runs jobs against a server that refuses more than `most` at once; gives the limits that were in force. */
async function limitsAgainst(most: number, pace: Pace, jobs: number): Promise<number[]> {
  let underWay = 0;
  const limits: number[] = [];
  await pooled(Array.from({ length: jobs }), pace, new AbortController().signal, async () => {
    for (;;) {
      underWay++;
      const refused = underWay > most;
      await new Promise((resolve) => setTimeout(resolve, 2));
      underWay--;
      if (!refused) break;
      pace.refused();
      await new Promise((resolve) => setTimeout(resolve, 2 + Math.random() * 10));
    }
    pace.went();
    limits.push(pace.now);
  });
  return limits;
}

Deno.test("Pace settles at 3 to 4 against a server that refuses more than 4, and goes up where it may", async () => {
  let now = 0;
  const pace = new Pace(6, 16, () => now += 30);
  const limits = await limitsAgainst(4, pace, 400);
  const settled = limits.slice(100);
  const mean = settled.reduce((sum, limit) => sum + limit, 0) / settled.length;
  assert(mean >= 2.5 && mean <= 5, `the mean is ${mean}`);
  assert((await limitsAgainst(Infinity, pace, 200)).at(-1)! > 10);
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
