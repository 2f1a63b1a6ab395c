import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Extents } from "../../../lib/http/extents.ts";
import { planPieces, remainingPieces } from "../../../lib/http/plan_pieces.ts";

const ranges = fc.array(
  fc.tuple(fc.nat(200), fc.nat(60)).map(([start, length]) => ({ start, end: start + length })),
  { maxLength: 12 },
);

Deno.test("Extents holds exactly the bytes that were added, merged and in order", () => {
  fc.assert(fc.property(ranges, (added) => {
    const extents = new Extents(added);
    const bytes = new Set(
      added.flatMap(({ start, end }) =>
        Array.from({ length: end - start }, (_, index) => start + index)
      ),
    );
    const list = [...extents];
    assertEquals(extents.bytes, bytes.size);
    for (const { start, end } of list) for (let at = start; at < end; at++) bytes.delete(at);
    assertEquals(bytes.size, 0);
    for (let index = 1; index < list.length; index++) {
      assertEquals(list[index]!.start > list[index - 1]!.end, true);
    }
  }));
});

Deno.test("Extents.missing() is what is left of a file", () => {
  fc.assert(fc.property(ranges, fc.integer({ min: 260, max: 400 }), (added, size) => {
    const extents = new Extents(added);
    const gaps = extents.missing(size);
    const whole = new Extents([...extents, ...gaps]);
    assertEquals([...whole], [{ start: 0, end: size }]);
    assertEquals(extents.bytes + gaps.reduce((sum, { start, end }) => sum + end - start, 0), size);
  }));
});

Deno.test("Extents.prefix counts the bytes before the first gap", () => {
  assertEquals(new Extents([{ start: 3, end: 9 }]).prefix, 0);
  assertEquals(new Extents([{ start: 3, end: 9 }, { start: 0, end: 3 }]).prefix, 9);
});

const mebibyte = 1024 * 1024;

Deno.test("planPieces() covers what is missing, without overlap, in pieces of at most 16 MiB", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 90 * mebibyte }), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(fc.property(sizes, fc.integer({ min: 1, max: 16 }), (lengths, connections) => {
    let at = 0;
    const missing = lengths.map((length) => {
      const extent = { start: at, end: at + length };
      at = extent.end + 10;
      return extent;
    });
    const pieces = planPieces(missing, connections);
    const covered = new Extents(pieces);
    assertEquals([...covered], missing);
    assertEquals(pieces.reduce((sum, { start, end }) => sum + end - start, 0), covered.bytes);
    assertEquals(pieces.every(({ start, end }) => end - start <= 17 * mebibyte), true);
  }));
});

Deno.test("planPieces() begins with large pieces and ends with small ones", () => {
  const lengths = planPieces([{ start: 0, end: 350 * mebibyte }], 8)
    .map(({ start, end }) => end - start);
  assertEquals(lengths[0], 16 * mebibyte);
  assertEquals(lengths.at(-1)! <= 3 * mebibyte, true);
});

Deno.test("remainingPieces() leaves out what the first answer brings, and is empty without ranges", () => {
  const answer = { start: 0, end: 8 * mebibyte, size: 10 * mebibyte, ranges: true };
  assertEquals(remainingPieces(answer, new Extents(), 8), [
    { start: 8 * mebibyte, end: 10 * mebibyte },
  ]);
  assertEquals(remainingPieces({ ...answer, ranges: false }, new Extents(), 8), []);
  assertEquals(remainingPieces({ start: 0, ranges: false }, new Extents(), 8), []);
});

Deno.test("planPieces() of what claims to be larger than any disk are not more than can be kept", () => {
  const end = Number.MAX_SAFE_INTEGER;
  const pieces = planPieces([{ start: 0, end }], 8);
  assertEquals(pieces.length < 20_000, true);
  assertEquals([...new Extents(pieces)], [{ start: 0, end }]);
});
