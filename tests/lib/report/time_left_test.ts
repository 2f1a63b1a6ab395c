import { assertEquals } from "@std/assert";
import { timeLeft } from "../../../lib/report/time_left.ts";

Deno.test("the time that is left is told once a thousandth is moved, and not judged by the first bytes", () => {
  const left = (bytesMoved: number, bytesToMove: number) =>
    timeLeft({ bytesMoved, bytesToMove, movingMs: 10_000 });
  assertEquals(left(568, 194_000_000), undefined);
  assertEquals(left(999, 1_000_000), undefined);
  assertEquals(left(1000, 1_000_000), "2h 47m left");
  assertEquals(left(500_000, 1_000_000), "10s left");
  const parts = [
    { label: "a", bytesMoved: 90, bytesToMove: 100 },
    { label: "b", bytesMoved: 1, bytesToMove: 1_000_000 },
  ];
  assertEquals(timeLeft({ bytesMoved: 91, bytesToMove: 100, movingMs: 10_000, parts }), undefined);
});
