import { assert, assertEquals } from "@std/assert";
import { equals } from "@std/bytes";
import * as fc from "fast-check";
import { type ChunkTable, holeRow } from "../../../lib/chunk/chunk_table.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { commonRows } from "../../../lib/chunk/common_rows.ts";
import { join, noise, tableOf } from "../../support/disk.ts";

const data = fc.array(
  fc.record({ seed: fc.integer({ min: 0, max: 2 }), blocks: fc.integer({ min: 1, max: 40 }) }),
  { minLength: 1, maxLength: 6 },
).map((parts) =>
  join(
    ...parts.map(({ seed, blocks }) => {
      const size = blocks * 1024;
      return seed === 0 ? new Uint8Array(size) : noise(size, seed);
    }),
  )
);

/** A name for what each row is and where. */
function names({ rows, rowOffsets, digests }: ChunkTable): string[] {
  return Array.from(rows, (chunk, row) => {
    const digest = chunk === holeRow ? "hole" : digests.slice(chunk * 32, chunk * 32 + 32).join();
    return `${rowOffsets[row]} to ${rowOffsets[row + 1]}: ${digest}`;
  });
}

for (const kind of ["fixed", "cdc"] as const) {
  Deno.test(`commonRows() gives the rows of two files in ${kind} chunks that are the same bytes`, () => {
    const chunker = chunkerFor(kind, 0, 16_384);
    fc.assert(
      fc.property(data, data, fc.boolean(), (one, other, alike) => {
        const bytes = alike ? join(one, other) : other;
        const [table, there] = [tableOf(one, chunker), tableOf(bytes, chunker)];
        const common = commonRows(table, there);
        const known = new Set(names(there));
        names(table).forEach((name, row) => {
          const [start, end] = [table.rowOffsets[row]!, table.rowOffsets[row + 1]!];
          if (known.has(name)) assertEquals(common[row], 1);
          if (common[row] === 0) return;
          const part = bytes.subarray(start, end);
          assert(equals(part, one.subarray(start, start + part.length)));
          assert(part.length === end - start || table.rows[row] === holeRow);
        });
      }),
      { numRuns: 200 },
    );
  });
}

Deno.test("commonRows() of a table with itself are all, with an empty one its holes", () => {
  const chunker = chunkerFor("fixed", 0, 4096);
  const table = tableOf(join(noise(9000), new Uint8Array(20_000), noise(5000, 2)), chunker);
  assert(commonRows(table, table).every((row) => row === 1));
  const holes = Array.from(table.rows, (chunk) => chunk === holeRow ? 1 : 0);
  assertEquals([...commonRows(table, tableOf(new Uint8Array(0), chunker))], holes);
});
