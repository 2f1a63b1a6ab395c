import { assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { setDigest } from "../../../lib/chunk/digest_column.ts";
import type { CopyJob, Job, UnpackJob, WrittenFile, ZeroJob } from "../../../lib/chunk/job.ts";
import { JobPool } from "../../../lib/chunk/job_pool.ts";
import { noise } from "../../support/disk.ts";
import { inFolder } from "../../support/in_folder.ts";

const chunk = noise(1000);
const other = noise(1000, 2);

/** Each job that writes the chunk, or zeros, to the start of a file. */
function jobsTo(to: WrittenFile, from: string): Job[] {
  const digests = new Uint8Array(32);
  setDigest(digests, 0, sha256(chunk));
  const lengths = Uint32Array.of(chunk.length);
  const places = { toStarts: Uint32Array.of(0, 1), toOffsets: Float64Array.of(0) };
  const copy: CopyJob = {
    type: "copy",
    from,
    to,
    fromOffsets: Float64Array.of(0),
    lengths,
    digests,
    ...places,
  };
  const unpack: UnpackJob = {
    type: "unpack",
    data: chunk.slice(),
    dataOffsets: Uint32Array.of(0),
    stored: lengths,
    to,
    lengths,
    digests,
    ...places,
  };
  const zero: ZeroJob = {
    type: "zero",
    path: to.path,
    to,
    offsets: Float64Array.of(0),
    lengths: Float64Array.of(chunk.length),
  };
  return [copy, unpack, zero];
}

for (const workers of [0, 1]) {
  Deno.test(`a job writes to no file that took the name of the one that it was given, with ${workers} workers`, () =>
    inFolder(async (folder) => {
      const path = `${folder}/out`;
      await Deno.writeFile(`${folder}/from`, chunk);
      await Deno.writeFile(path, new Uint8Array(chunk.length));
      const { dev, ino } = await Deno.stat(path);
      using pool = new JobPool({ workers });
      const jobs = jobsTo({ path, dev, ino }, `${folder}/from`);
      const [copy, unpack] = jobs;
      for (const job of [copy!, unpack!]) {
        await Deno.writeFile(path, new Uint8Array(chunk.length));
        await pool.run(job);
        assertEquals(await Deno.readFile(path), chunk);
      }
      await Deno.rename(path, `${folder}/elsewhere`);
      await Deno.writeFile(path, other);
      for (const job of jobs) {
        await assertRejects(
          () => pool.run(job),
          Error,
          `Cannot write "${path}": another file has its name by now`,
        );
        assertEquals(await Deno.readFile(path), other);
      }
    }));
}
