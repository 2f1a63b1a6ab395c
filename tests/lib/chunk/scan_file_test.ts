import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { type Chunker, chunkerFor } from "../../../lib/chunk/chunker.ts";
import { JobPool } from "../../../lib/chunk/job_pool.ts";
import { sameTable } from "../../../lib/chunk/same_table.ts";
import { scanFile } from "../../../lib/chunk/scan_file.ts";
import { join, noise, tableOf } from "../../support/disk.ts";

const cdc = chunkerFor("cdc", 0, 16_384);
const fixed = chunkerFor("fixed", 0, 4096);
const segmentBytes = 65_536;

async function scanned(
  bytes: Uint8Array,
  chunker: Chunker,
  options: { workers?: number; onRead?: (bytes: number) => void } = {},
) {
  const { workers = 0, ...rest } = options;
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, bytes);
    using pool = new JobPool({ workers });
    return await scanFile(path, chunker, { pool, segmentBytes, ...rest });
  } finally {
    await Deno.remove(path);
  }
}

/** Noise, repetition and zeros in lengths around those of parts, chunks and holes. */
const data = fc.array(
  fc.record({
    kind: fc.constantFrom("noise", "zeros", "text"),
    size: fc.oneof(
      fc.integer({ min: 1, max: 9000 }),
      fc.integer({ min: 60_000, max: 70_000 }),
      fc.integer({ min: 100_000, max: 300_000 }),
    ),
    seed: fc.integer({ min: 1, max: 5 }),
  }),
  { minLength: 1, maxLength: 8 },
).map((parts) =>
  join(
    ...parts.map(({ kind, size, seed }) =>
      kind === "noise" ? noise(size, seed) : new Uint8Array(size).fill(kind === "zeros" ? 0 : seed)
    ),
  )
);

Deno.test("scanFile() cuts a file in parts as a Scanner cuts it whole", async () => {
  await fc.assert(
    fc.asyncProperty(data, fc.constantFrom(cdc, fixed), async (bytes, chunker) => {
      assert(sameTable(await scanned(bytes, chunker), tableOf(bytes, chunker)));
    }),
    { numRuns: 60 },
  );
});

Deno.test("scanFile() finds zeros that lie across the end of a part, whatever their length", async () => {
  for (
    const before of [segmentBytes - 5000, segmentBytes - 4096, segmentBytes - 100, segmentBytes]
  ) {
    for (const zeros of [100, 4095, 4096, 4097, 9000, 3 * segmentBytes]) {
      const bytes = join(noise(before), new Uint8Array(zeros), noise(150_000, 2));
      const table = await scanned(bytes, cdc);
      assert(sameTable(table, tableOf(bytes, cdc)), `${zeros} zeros after ${before} bytes`);
    }
  }
});

Deno.test("scanFile() gives the same table with workers, and tells all that it read", async () => {
  const bytes = join(noise(900_000), new Uint8Array(300_000), noise(12_345, 3));
  let read = 0;
  const table = await scanned(bytes, cdc, { workers: 3, onRead: (bytes) => read += bytes });
  assert(sameTable(table, tableOf(bytes, cdc)));
  assertEquals(read, bytes.length);
});

Deno.test("scanFile() of a file that becomes shorter ends where the file does", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, noise(1_000_000));
    using pool = new JobPool({ workers: 0 });
    let cut = false;
    const table = await scanFile(path, fixed, {
      pool,
      segmentBytes,
      onRead: () => {
        if (!cut) Deno.truncateSync(path, 500_000);
        cut = true;
      },
    });
    assertEquals(table.size, 500_000 - 500_000 % 4096);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("scanFile() of an empty file is an empty table", async () => {
  const table = await scanned(new Uint8Array(0), cdc);
  assertEquals([table.size, table.rows.length, table.rowOffsets.length], [0, 0, 1]);
});
