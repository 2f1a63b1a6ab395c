import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { type Chunker, chunkerFor } from "../../../lib/chunk/chunker.ts";
import { GearCutter, gearTable } from "../../../lib/chunk/gear_cutter.ts";
import { noise } from "../../support/disk.ts";

const gear = gearTable();

/** The cut as FORMAT.md writes it, byte by byte. */
function cutAsWritten(data: Uint8Array, start: number, end: number, chunker: Chunker): number {
  const limit = Math.min(end, start + chunker.maxBytes);
  const normal = Math.min(limit, start + chunker.avgBytes);
  let hash = 0;
  for (let at = start + chunker.minBytes; at < limit; at++) {
    hash = (hash << 1) + gear[data[at]!]! | 0;
    const bits = Math.log2(chunker.avgBytes) + (at < normal ? 2 : -2);
    if (hash >>> (32 - bits) === 0) return at + 1;
  }
  return limit;
}

function cutterOf(data: Uint8Array): GearCutter {
  const cutter = new GearCutter();
  cutter.room(data.length).set(data);
  return cutter;
}

Deno.test("GearCutter gives the values of the specification", () => {
  assertEquals(gear[0]! >>> 0, 0x92ca2f0e);
  assertEquals(new Set(gear).size, 256);
  const cutter = cutterOf(noise(1 << 20, 42));
  const cuts = [];
  for (let at = 0; at < 1 << 20;) cuts.push(at = cutter.cut(at, 1 << 20, chunkerFor("cdc", 0)));
  assertEquals(cuts.slice(0, 3), [73_620, 139_498, 238_477]);
});

Deno.test("GearCutter cuts as the specification is written, at any start, end and length", () => {
  const data = noise(1 << 20, 7);
  const cutter = cutterOf(data);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 900_000 }),
      fc.integer({ min: 0, max: 140_000 }),
      fc.constantFrom(16_384, 65_536),
      (start, length, avgBytes) => {
        const chunker = chunkerFor("cdc", 0, avgBytes);
        const end = Math.min(data.length, start + length);
        assertEquals(
          cutter.cut(start, end, chunker),
          cutAsWritten(data, start, end, chunker),
        );
      },
    ),
    { numRuns: 400 },
  );
});

Deno.test("GearCutter cuts bytes of one value at the greatest length, and looks at no byte behind the end", () => {
  for (const chunker of [chunkerFor("cdc", 0, 16_384), chunkerFor("cdc", 0, 2 ** 22)]) {
    const data = new Uint8Array(chunker.maxBytes + 100).fill(1);
    const cutter = cutterOf(data);
    assertEquals(cutter.cut(0, data.length, chunker), chunker.maxBytes);
    for (let less = 0; less < 20; less++) {
      const end = chunker.avgBytes - less;
      assertEquals(cutter.cut(0, end, chunker), end);
    }
  }
});

Deno.test("GearCutter keeps the bytes of its room when it grows", () => {
  const cutter = cutterOf(noise(1000));
  const larger = cutter.room(30_000_000);
  assertEquals(larger.length, 30_000_000);
  assertEquals(larger.subarray(0, 1000), noise(1000));
  assertEquals(cutter.room(10).buffer, larger.buffer);
});
