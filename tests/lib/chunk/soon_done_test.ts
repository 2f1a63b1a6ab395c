import { assertEquals } from "@std/assert";
import { JobPool, type JobPoolOptions } from "../../../lib/chunk/job_pool.ts";
import { isSoonDone } from "../../../lib/chunk/soon_done.ts";

Deno.test("isSoonDone() is true of less than 4 MB, unless zstd takes its time for them", () => {
  assertEquals(isSoonDone(3_999_999), true);
  assertEquals(isSoonDone(4_000_000), false);
  assertEquals(isSoonDone(1000, 9), true);
  assertEquals(isSoonDone(1000, 10), false);
});

Deno.test("JobPool begins no worker for what is soon done", async () => {
  const path = await Deno.makeTempFile();
  const { Worker } = globalThis;
  let begun = 0;
  globalThis.Worker = class extends Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      begun++;
      super(url, options);
    }
  };
  const begunFor = async (options: JobPoolOptions) => {
    begun = 0;
    using pool = new JobPool(options);
    const [offsets, lengths] = [new Float64Array([0]), new Float64Array([10])];
    const { zero } = await pool.run({ type: "zero", path, offsets, lengths });
    assertEquals([...zero], [1]);
    return begun;
  };
  try {
    assertEquals(await begunFor({ sizeBytes: 3_999_999 }), 0);
    assertEquals(await begunFor({ sizeBytes: 4_000_000 }), 1);
    assertEquals(await begunFor({ sizeBytes: 1, level: 19 }), 1);
    assertEquals(await begunFor({ sizeBytes: 1, workers: 1 }), 1);
    assertEquals(await begunFor({}), 1);
  } finally {
    globalThis.Worker = Worker;
    await Deno.remove(path);
  }
});
