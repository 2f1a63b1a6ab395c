import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { UsageError } from "../../../lib/base/errors.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { findZeroRun, isZero, zeroRunEnd } from "../../../lib/chunk/zeros.ts";
import { join, noise, scanAll, tableOf } from "../../support/disk.ts";

const cdc = chunkerFor("cdc", 0, 16_384);
const fixed = chunkerFor("fixed", 0, 4096);

/** Data with stretches of noise, repetition and zeros. */
const data = fc.array(
  fc.record({
    kind: fc.constantFrom("noise", "zeros", "text"),
    size: fc.integer({ min: 1, max: 60_000 }),
    seed: fc.integer({ min: 1, max: 5 }),
  }),
  { minLength: 1, maxLength: 8 },
).map((parts) =>
  join(
    ...parts.map(({ kind, size, seed }) =>
      kind === "noise"
        ? noise(size, seed)
        : kind === "zeros"
        ? new Uint8Array(size)
        : new Uint8Array(size).fill(64 + seed)
    ),
  )
);

Deno.test("a Scanner puts every byte in exactly one row, and only zeros in holes", () => {
  fc.assert(
    fc.property(data, fc.constantFrom(cdc, fixed), (bytes, chunker) => {
      let at = 0;
      for (const row of scanAll(bytes, chunker)) {
        if (typeof row === "number") {
          assert(isZero(bytes, at, at - row));
          at -= row;
        } else {
          assertEquals(row[0], at);
          assert(row[1] - row[0] <= chunker.maxBytes);
          at = row[1];
        }
      }
      assertEquals(at, bytes.length);
    }),
    { numRuns: 60 },
  );
});

Deno.test("a Scanner cuts alike however the bytes arrive", () => {
  fc.assert(
    fc.property(
      data,
      fc.constantFrom(cdc, fixed),
      fc.integer({ min: 1000, max: 200_000 }),
      (bytes, chunker, window) => {
        assertEquals(scanAll(bytes, chunker, window), scanAll(bytes, chunker, 1 << 24));
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("content-defined chunks after an inserted byte are the chunks of before", () => {
  const before = noise(4 << 20);
  const after = join(before.subarray(0, 1000), new Uint8Array([7]), before.subarray(1000));
  const digests = (bytes: Uint8Array) => {
    const table = tableOf(bytes, chunkerFor("cdc", 0));
    return Array.from(table.lengths, (_, at) => table.digests.slice(at * 32, at * 32 + 32).join());
  };
  const old = new Set(digests(before));
  assertEquals(digests(after).filter((digest) => !old.has(digest)).length, 1);
});

Deno.test("content-defined chunks have the mean length that was asked for", () => {
  const rows = scanAll(noise(32 << 20), chunkerFor("cdc", 0));
  const mean = (32 << 20) / rows.length;
  assert(mean > 60_000 && mean < 90_000, String(mean));
});

Deno.test("fixed blocks of zeros are holes, neighbours in one", () => {
  const bytes = join(noise(4096), new Uint8Array(8192), noise(100));
  assertEquals(scanAll(bytes, fixed), [[0, 4096], -8192, [12_288, 12_388]]);
});

Deno.test("a content-defined run of zeros below the minimum is data, at the minimum a hole", () => {
  const rows = (zeros: number) =>
    scanAll(join(noise(500), new Uint8Array(zeros), noise(500, 2)), cdc);
  assertEquals(rows(4095), [[0, 5095]]);
  assertEquals(rows(4096), [[0, 500], -4096, [4596, 5096]]);
});

Deno.test("zeroRunEnd() finds the end of a run of any length, at any alignment", () => {
  const data = new Uint8Array(200_000);
  for (const start of [0, 1, 2, 3, 4, 7]) {
    for (const length of [0, 1, 65_535, 65_536, 65_537, 65_540, 131_072, 131_075, 190_000]) {
      data[start + length] = 1;
      assertEquals(zeroRunEnd(data, start, data.length), start + length);
      assertEquals(zeroRunEnd(data, start, start + length), start + length);
      data[start + length] = 0;
    }
  }
});

Deno.test("zeroRunEnd() and findZeroRun() agree with a search byte by byte", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 40 })), { maxLength: 20 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 0, max: 5 }),
      (runs, least, shift) => {
        const whole = join(
          new Uint8Array(shift),
          ...runs.map(([zero, n]) => new Uint8Array(n).fill(zero ? 0 : 1)),
        );
        const bytes = whole.subarray(shift);
        let expected: { start: number; end: number } | undefined;
        for (let at = 0; at < bytes.length && expected === undefined; at++) {
          let end = at;
          while (end < bytes.length && bytes[end] === 0) end++;
          assertEquals(zeroRunEnd(bytes, at, bytes.length), end);
          if (end - at >= least) expected = { start: at, end };
        }
        assertEquals(findZeroRun(bytes, 0, bytes.length, least), expected);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("chunkerFor() grows the length with the size and refuses lengths out of range", () => {
  assertEquals(chunkerFor("fixed", 2 ** 30).avgBytes, 65_536);
  assertEquals(chunkerFor("fixed", 2 ** 40).avgBytes, 2 ** 21);
  for (const bad of [0, 3, 1000, 2 ** 25, NaN, -4096]) {
    assertThrows(() => chunkerFor("cdc", 0, bad), UsageError, "Cannot cut into chunks");
  }
});
