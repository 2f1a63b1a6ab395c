import { assertEquals } from "@std/assert";
import { figuresOf } from "../../../lib/runner/figures_of.ts";

const one = {
  changed: true,
  bytesMoved: 10,
  bytesReused: 1,
  requests: 3,
  why: "it was not there",
  dryRun: false,
};

Deno.test("figuresOf() takes the figures out of a result, and nothing out of anything else", () => {
  assertEquals(figuresOf({ ...one, path: "/x" }), { figures: one, why: one.why });
  for (const value of [undefined, null, 1, "a", {}, [], [1, {}], { bytesMoved: 1 }]) {
    assertEquals(figuresOf(value), {});
  }
});

Deno.test("figuresOf() sums the figures of the results that a task lists", () => {
  const same = { ...one, bytesMoved: 32, bytesReused: 4, requests: 2 };
  const sum = { ...one, bytesMoved: 42, bytesReused: 5, requests: 5 };
  assertEquals(figuresOf([one, "no result", same]), { figures: sum, why: one.why });
  const present = { ...one, changed: false, bytesMoved: 0, bytesReused: 10, why: "it is there" };
  assertEquals(figuresOf([one, present, present]).figures, {
    ...one,
    bytesReused: 21,
    requests: 9,
    why: "1 of 3 changed",
  });
});

Deno.test("figuresOf() looks into no list in a list, which may hold itself", () => {
  const list: unknown[] = [one];
  list.push(list);
  assertEquals(figuresOf(list), { figures: one, why: one.why });
});
