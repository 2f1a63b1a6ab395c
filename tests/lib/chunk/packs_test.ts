import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { KedgeError, VerificationError } from "../../../lib/base/errors.ts";
import { hashFile } from "../../../lib/base/hash_file.ts";
import { buildPack } from "../../../lib/chunk/build_pack.ts";
import { checkRows } from "../../../lib/chunk/check_rows.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { dataBytes, type DiskIndex, holeRow } from "../../../lib/chunk/chunk_table.ts";
import { setDigest } from "../../../lib/chunk/digest_column.ts";
import { checkPacks, encodeDiskManifest, packBlobs } from "../../../lib/chunk/disk_manifest.ts";
import { JobPool } from "../../../lib/chunk/job_pool.ts";
import { locateChunks } from "../../../lib/chunk/locate_chunks.ts";
import { orderIndex } from "../../../lib/chunk/order_index.ts";
import { allPlaces } from "../../../lib/chunk/places.ts";
import { planPacks } from "../../../lib/chunk/plan_packs.ts";
import { planRanges } from "../../../lib/chunk/plan_ranges.ts";
import { scanFile } from "../../../lib/chunk/scan_file.ts";
import { copyChunks, fetchChunks } from "../../../lib/chunk/write_chunks.ts";
import { join, noise, rawIndex, tableOf } from "../../support/disk.ts";

const signal = new AbortController().signal;
const cdc = chunkerFor("cdc", 0);

const disk = join(
  noise(700_000),
  new Uint8Array(300_000),
  new TextEncoder().encode("compressible ".repeat(20_000)),
  noise(400_000, 2),
  noise(700_000),
);

/** A file cut, packed into packs of a MiB, with its index. */
async function packed(folder: string, data: Uint8Array, pool: JobPool) {
  const path = `${folder}/disk`;
  await Deno.writeFile(path, data);
  const table = await scanFile(path, cdc, { pool });
  const plan = planPacks(table, new Uint8Array(table.lengths.length).fill(1), 1 << 20);
  const places = {
    packDigests: new Uint8Array(32 * plan.length),
    packSizes: new Uint32Array(plan.length),
    packs: new Uint32Array(table.lengths.length),
    offsets: new Uint32Array(table.lengths.length),
    stored: new Uint32Array(table.lengths.length),
  };
  for (const [at, chunks] of plan.entries()) {
    const built = await buildPack(path, table, chunks, { to: `${folder}/pack${at}`, pool });
    assertEquals(await hashFile(`${folder}/pack${at}`), { digest: built.digest, size: built.size });
    setDigest(places.packDigests, at, built.digest);
    places.packSizes[at] = built.size;
    let offset = 0;
    chunks.forEach((chunk, i) => {
      places.packs[chunk] = at;
      places.offsets[chunk] = offset;
      offset += places.stored[chunk] = built.stored[i]!;
    });
  }
  return { path, table, index: orderIndex(table, places) };
}

function target(index: DiskIndex, path: string, pool: JobPool) {
  const standing = new Uint8Array(index.rows.length);
  const { dev, ino } = Deno.statSync(path);
  return { index, to: { path, dev, ino }, places: allPlaces(index, standing), pool, signal };
}

const readPack = (folder: string) => async (range: { pack: number; start: number; end: number }) =>
  (await Deno.readFile(`${folder}/pack${range.pack}`)).slice(range.start, range.end);

for (const workers of [0, 2]) {
  Deno.test(`a file comes back from its packs, with ${workers} workers`, async () => {
    const folder = await Deno.makeTempDir();
    using pool = new JobPool({ workers });
    const { index, table } = await packed(folder, disk, pool);
    assertEquals(table, { ...tableOf(disk, cdc) });
    const out = `${folder}/out`;
    await Deno.writeFile(out, new Uint8Array(0));
    await Deno.truncate(out, index.size);
    const all = Uint32Array.from(index.lengths.keys());
    let bytes = 0;
    await fetchChunks(target(index, out, pool), planRanges(index, all, { rangeBytes: 100_000 }), {
      read: readPack(folder),
      onWritten: (written) => bytes += written,
    });
    assertEquals(await Deno.readFile(out), disk);
    assertEquals(bytes, dataBytes(index));
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test("fetchChunks() asks once more for a range that was wrong, then refuses it", async () => {
  const folder = await Deno.makeTempDir();
  using pool = new JobPool({ workers: 0 });
  const { index } = await packed(folder, disk, pool);
  const out = `${folder}/out`;
  await Deno.writeFile(out, new Uint8Array(0));
  const ranges = planRanges(index, Uint32Array.from(index.lengths.keys()));
  const asked: boolean[] = [];
  const error = await assertRejects(
    () =>
      fetchChunks(target(index, out, pool), ranges, {
        concurrency: 1,
        read: async (range, { again }) => {
          asked.push(again);
          const data = await readPack(folder)(range);
          data[100]! ^= 1;
          return data;
        },
      }),
    VerificationError,
    "Cannot use the pack",
  );
  assertEquals(asked, [false, true]);
  assertEquals(error.side, "source");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("copyChunks() copies what is right and names what is not", async () => {
  const folder = await Deno.makeTempDir();
  using pool = new JobPool({ workers: 0 });
  const { index, path, table } = await packed(folder, disk, pool);
  const changed = disk.slice();
  changed[10]! ^= 1;
  await Deno.writeFile(path, changed);
  const out = `${folder}/out`;
  await Deno.writeFile(out, new Uint8Array(0));
  await Deno.truncate(out, index.size);
  const located = locateChunks(index, new Uint8Array(index.lengths.length).fill(1), [
    { path, table },
  ]);
  let bytes = 0;
  const wrong = await copyChunks(
    target(index, out, pool),
    located,
    [{ path }],
    (n) => bytes += n,
  );
  assertEquals(wrong.length, 1);
  assert(bytes > 1_000_000);
  // The chunk that changed stands at the start and once more at the end; neither was written.
  const result = await Deno.readFile(out);
  const first = index.lengths[wrong[0]!]!;
  assertEquals(result.subarray(first, 1_600_000), disk.subarray(first, 1_600_000));
  assert(result.subarray(0, first).every((byte) => byte === 0));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("buildPack() refuses a file that changed since it was cut", async () => {
  const folder = await Deno.makeTempDir();
  using pool = new JobPool({ workers: 0 });
  const { path, table } = await packed(folder, disk, pool);
  await Deno.writeFile(path, disk.subarray(0, 50_000));
  const all = new Uint8Array(table.lengths.length).fill(1);
  await assertRejects(
    () => buildPack(path, table, planPacks(table, all)[0]!, { to: `${folder}/x`, pool }),
    KedgeError,
    "it changed at byte",
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("checkRows() tells which rows stand: right chunks, zero holes, and what a short file lacks", async () => {
  const folder = await Deno.makeTempDir();
  using pool = new JobPool({ workers: 0 });
  const path = `${folder}/disk`;
  const table = tableOf(disk, cdc);
  const check = async (data: Uint8Array) => {
    await Deno.writeFile(path, data);
    return await checkRows(path, table, { pool, sizeBytes: data.length });
  };
  assert((await check(disk)).every((row) => row === 1));
  const bad = disk.slice();
  bad[5]! ^= 1;
  const hole = table.rows.indexOf(holeRow);
  bad[table.rowOffsets[hole]! + 9] = 1;
  const standing = await check(bad);
  assertEquals(Array.from(standing.entries()).filter(([, ok]) => ok === 0).map(([row]) => row), [
    0,
    hole,
  ]);
  const short = await check(disk.subarray(0, 100_000));
  assertEquals(short[hole], 1);
  assertEquals(short.at(-1), 0);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("checkRows() reads a long hole in parts and finds a byte in any of them", async () => {
  const folder = await Deno.makeTempDir();
  using pool = new JobPool({ workers: 0 });
  const path = `${folder}/disk`;
  const mib = 2 ** 20;
  await Deno.writeFile(path, noise(8192));
  await Deno.truncate(path, 100 * mib);
  const table = await scanFile(path, chunkerFor("fixed", 0, 4096), { pool });
  const check = async (sizeBytes: number) => {
    const parts: number[] = [];
    const onCheck = (bytes: number) => parts.push(bytes);
    const standing = await checkRows(path, table, { pool, sizeBytes, onCheck });
    return {
      standing: [...standing],
      most: Math.max(...parts),
      sum: parts.reduce((a, b) => a + b),
    };
  };
  const whole = await check(100 * mib);
  assertEquals(whole, { standing: [1, 1, 1], most: 16 * mib, sum: 100 * mib });
  assertEquals(await check(50 * mib), { standing: [1, 1, 1], most: 16 * mib, sum: 50 * mib });
  for (const offset of [8192, 40 * mib, 100 * mib - 1]) {
    using file = await Deno.open(path, { write: true });
    await file.seek(offset, Deno.SeekMode.Start);
    await file.write(Uint8Array.of(1));
    assertEquals((await check(100 * mib)).standing, [1, 1, 0]);
    await file.seek(offset, Deno.SeekMode.Start);
    await file.write(Uint8Array.of(0));
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("checkRows() does not read a hole that is known for certain, and reads what goes beyond it", async () => {
  const folder = await Deno.makeTempDir();
  using pool = new JobPool({ workers: 0 });
  const path = `${folder}/disk`;
  const chunker = chunkerFor("fixed", 0, 4096);
  const [block, gap] = [noise(4096), new Uint8Array(8192)];
  const table = tableOf(join(block, gap, block, gap, block), chunker);
  const holes = tableOf(join(block, gap, block, block, gap.subarray(4096), block), chunker);
  const sizeBytes = table.size;
  // A byte in each hole: what is read is found out.
  const disk = join(block, gap, block, gap, block);
  disk[4096 + 8191] = disk[4096 + 8192 + 4096 + 8191] = 1;
  await Deno.writeFile(path, disk);
  assertEquals([...await checkRows(path, table, { pool, sizeBytes })], [1, 0, 1, 0, 1]);
  assertEquals([...await checkRows(path, table, { pool, sizeBytes, holes })], [1, 1, 1, 0, 1]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("planRanges() reads each wanted chunk once, in closed ranges inside the packs", () => {
  const index = rawIndex(tableOf(noise(4 << 20), chunkerFor("fixed", 0, 4096)), 100);
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 1023 }), { maxLength: 400 }),
      fc.integer({ min: 0, max: 50_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (chunks, requestBytes, wasteRatio) => {
        const wanted = Uint32Array.from(chunks).sort();
        const ranges = planRanges(index, wanted, { requestBytes, wasteRatio, rangeBytes: 65_536 });
        assertEquals(ranges.flatMap((range) => [...range.chunks]), [...wanted]);
        let bytes = 0;
        for (const range of ranges) {
          assert(range.start < range.end && range.end <= index.packSizes[range.pack]!);
          assert(range.end - range.start <= 65_536);
          bytes += range.end - range.start;
          for (const chunk of range.chunks) {
            assertEquals(index.packs[chunk], range.pack);
            assert(index.offsets[chunk]! >= range.start);
            assert(index.offsets[chunk]! + index.stored[chunk]! <= range.end);
          }
        }
        assert(bytes <= wanted.length * 4096 * (1 + wasteRatio));
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("checkPacks() refuses a manifest that lists other packs than its index", () => {
  const index = rawIndex(tableOf(disk, cdc), 5);
  const packs = packBlobs(index);
  checkPacks(index, packs, "docker://host/disk");
  const refuse = (listed: typeof packs) =>
    assertThrows(() => checkPacks(index, listed, "docker://host/disk"), VerificationError);
  refuse(packs.slice(1));
  refuse(packs.toReversed());
  refuse(packs.with(1, { ...packs[1]!, size: 5 }));
});

Deno.test("encodeDiskManifest() stays under 4 MiB for 1 TB in full packs", () => {
  const count = Math.ceil(1e12 / (48 * 2 ** 20));
  const index = {
    packSizes: new Uint32Array(count).fill(48 * 2 ** 20),
    packDigests: noise(32 * count),
  } as unknown as DiskIndex;
  const blob = packBlobs(index)[0]!;
  assert(encodeDiskManifest(index, blob).length < 4 * 2 ** 20);
});
