import { assertEquals } from "@std/assert";
import { sortBy } from "../../../lib/chunk/sort_by.ts";
import { noise } from "../../support/disk.ts";

/** What `sortBy` makes of items in this order, and what the language's own stable sort does. */
function bothWays(items: readonly number[], keys: ArrayLike<number>): [number[], number[]] {
  const sorted = Uint32Array.from(items);
  sortBy(sorted, keys);
  return [[...sorted], items.toSorted((one, other) => keys[one]! - keys[other]!)];
}

/** Numbers in an order that keys of so many kinds do not have, and the keys. */
function drawn(length: number, kinds: number): { items: number[]; keys: Float64Array } {
  const bytes = noise(8 * length + 8, 1 + length * 31 + kinds);
  const words = new Uint32Array(bytes.slice(0, 8 * length).buffer);
  const keys = Float64Array.from({ length }, (_, at) => words[at]! % kinds);
  const items = Array.from(keys.keys());
  for (let at = length - 1; at > 0; at--) {
    const with_ = words[length + at]! % (at + 1);
    [items[at], items[with_]] = [items[with_]!, items[at]!];
  }
  return { items, keys };
}

Deno.test("sortBy sorts as the language does, and keeps the order of equal ones, at each length about the powers of two", () => {
  for (const length of [...Array(70).keys(), 127, 128, 129, 1023, 1024, 1025, 5000]) {
    for (const kinds of [1, 2, 7, 2 ** 32]) {
      const { items, keys } = drawn(length, kinds);
      const [sorted, expected] = bothWays(items, keys);
      assertEquals(sorted, expected, `${length} items with ${kinds} keys`);
    }
  }
});

Deno.test("sortBy sorts what is in order, or in the opposite one, and keys beyond 32 bits and below 0", () => {
  const ascending = Array.from({ length: 1000 }, (_, at) => at);
  for (const items of [ascending, ascending.toReversed()]) {
    for (const scale of [1, -1, 2 ** 40, 0.5]) {
      const [sorted, expected] = bothWays(items, Float64Array.from(ascending, (at) => at * scale));
      assertEquals(sorted, expected, `times ${scale}`);
    }
  }
});

Deno.test("sortBy sorts the part of a list that it is given, and leaves the rest", () => {
  const list = Uint32Array.of(3, 2, 1, 0, 2);
  sortBy(list.subarray(1, 4), [0, 10, 20, 30]);
  assertEquals([...list], [3, 0, 1, 2, 2]);
});
