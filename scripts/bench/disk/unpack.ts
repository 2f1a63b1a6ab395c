import { holeRow } from "../../../lib/chunk/chunk_table.ts";
import { JobPool } from "../../../lib/chunk/job_pool.ts";
import { allPlaces } from "../../../lib/chunk/places.ts";
import { planRanges } from "../../../lib/chunk/plan_ranges.ts";
import { bufferFor, fetchChunks } from "../../../lib/chunk/write_chunks.ts";
import { readLayout } from "./bare.ts";

/** Seconds that the library takes, with two workers, to unpack, verify and write the disk of a layout, its index already read; without a sync. */
export async function unpack(layout: string, to: string): Promise<number> {
  const { index, paths } = await readLayout(layout);
  await Deno.writeFile(to, new Uint8Array(0));
  await Deno.truncate(to, index.size);
  using pool = new JobPool({ workers: 2 });
  pool.start();
  const { signal } = new AbortController();
  const standing = Uint8Array.from(index.rows, (chunk) => chunk === holeRow ? 1 : 0);
  const { dev, ino } = await Deno.stat(to);
  const target = {
    index,
    to: { path: to, dev, ino },
    places: allPlaces(index, standing),
    pool,
    signal,
  };
  const started = performance.now();
  await fetchChunks(target, planRanges(index, Uint32Array.from(index.lengths.keys())), {
    read: async ({ pack, start, end }, { buffer }) => {
      const bytes = bufferFor(end - start, buffer);
      using file = await Deno.open(paths[pack]!);
      await file.seek(start, Deno.SeekMode.Start);
      for (let at = 0; at < bytes.length;) at += (await file.read(bytes.subarray(at)))!;
      return bytes;
    },
  });
  return (performance.now() - started) / 1000;
}
