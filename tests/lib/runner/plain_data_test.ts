import { assertEquals } from "@std/assert";
import { plainData } from "../../../lib/runner/plain_data.ts";

Deno.test("plainData() makes an object of a map whose keys are texts or numbers", () => {
  const sizes = new Map<string | number, unknown>([["a", new Set([1n])], [7, undefined], [8, "b"]]);
  assertEquals(plainData({ sizes }), { sizes: { a: ["1"], 8: "b" } });
});

Deno.test("plainData() makes an object of a map that keeps something under no key", () => {
  const groups = Map.groupBy([1, 2], (each) => each === 1 ? "odd" : undefined);
  assertEquals(plainData(groups), { odd: [1], undefined: [2] });
  assertEquals(plainData(new Map([[null, 1]])), { null: 1 });
});

Deno.test("plainData() makes pairs of a map whose keys an object cannot tell apart", () => {
  const [x, y] = [{ host: "x" }, { host: "y" }];
  assertEquals(plainData(new Map([[x, 1], [y, 2]])), [[x, 1], [y, 2]]);
  assertEquals(plainData(new Map<unknown, number>([["1", 1], [1, 2]])), [["1", 1], [1, 2]]);
  assertEquals(plainData(new Map<unknown, number>([[null, 1], ["null", 2]])), [[null, 1], [
    "null",
    2,
  ]]);
  assertEquals(plainData(new Map([[Symbol("a"), undefined]])), [[null, null]]);
});

Deno.test("plainData() tells that a map holds itself", () => {
  const map = new Map<unknown, unknown>();
  map.set("own", map);
  assertEquals(plainData(map), { own: "[circular]" });
  map.set(map, 1);
  assertEquals(plainData(map), [["own", "[circular]"], ["[circular]", 1]]);
});
