import { assert, assertEquals } from "@std/assert";
import { Pace } from "../../../lib/http/pace.ts";

Deno.test("Pace goes up by one with each answer until the first refusal", () => {
  const pace = new Pace(4, 8);
  const seen = [pace.now];
  for (let i = 0; i < 6; i++) {
    pace.went();
    seen.push(pace.now);
  }
  assertEquals(seen, [4, 5, 6, 7, 8, 8, 8]);
});

Deno.test("Pace halves on a refusal, once a burst, and then goes up by one a round", () => {
  let now = 0;
  const pace = new Pace(5, 8, () => now);
  const seen = [pace.now];
  pace.refused();
  pace.refused();
  seen.push(pace.now);
  for (let i = 0; i < 3; i++) pace.went();
  seen.push(pace.now);
  now += 1000;
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
  assertEquals(seen, [5, 3, 4, 2, 1, 8]);
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

/** A server that answers one request every 10 ms, in their order, and refuses what comes while it has `most`. */
class Counter {
  #queue: boolean[] = [];
  #nowMs = 0;

  constructor(public most: number) {}

  readonly clock = (): number => this.#nowMs;

  /** Keeps as many under way as a pace allows, until so many were answered; tells the limits that were in force, and the refusals. */
  serve(pace: Pace, answers: number): { limits: number[]; refused: number } {
    const limits: number[] = [];
    let refused = 0;
    while (limits.length < answers) {
      while (this.#queue.length < pace.now) {
        const taken = this.#queue.filter((each) => each).length;
        this.#queue.push(taken < this.most);
      }
      this.#nowMs += 10;
      if (this.#queue.shift()) {
        pace.went();
      } else {
        refused++;
        pace.refused();
      }
      limits.push(pace.now);
    }
    return { limits, refused };
  }
}

Deno.test("Pace settles at 3 to 4 against a server that refuses more than 4, and goes up where it may", () => {
  for (const start of [1, 2, 6, 8, 16]) {
    const server = new Counter(4);
    const pace = new Pace(start, 16, server.clock);
    server.serve(pace, 100);
    const { limits, refused } = server.serve(pace, 2000);
    // One in 128 tries whether more is taken by now.
    assert(refused <= 2000 / 128 + 1, `${refused} of 2000 were refused, from ${start}`);
    assertEquals(limits.filter((limit) => limit < 3 || limit > 5), []);
    const probing = limits.filter((limit) => limit === 5).length;
    assert(probing <= limits.length / 20, `${probing} of 2000 at 5, from ${start}`);
    server.most = Infinity;
    assertEquals(server.serve(pace, 400).limits.at(-1), 16);
  }
});
