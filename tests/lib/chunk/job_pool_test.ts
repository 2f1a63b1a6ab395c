import { assertEquals, assertRejects } from "@std/assert";
import type { Job } from "../../../lib/chunk/job.ts";
import { JobPool } from "../../../lib/chunk/job_pool.ts";

/** A worker that does nothing by itself: it takes down what it is given, and says what a test has it say. */
class IdleWorker {
  static made: IdleWorker[] = [];
  readonly given: string[] = [];
  isEnded = false;
  onmessage: (event: { data: unknown }) => void = () => {};
  onerror: (event: { message: string; preventDefault(): void }) => void = () => {};

  constructor() {
    IdleWorker.made.push(this);
  }

  postMessage(job: Job & { path?: string; to?: string }): void {
    this.given.push(job.path ?? job.to!);
  }

  says(data: unknown): void {
    this.onmessage({ data });
  }

  breaks(): void {
    this.onerror({ message: "broken", preventDefault: () => {} });
  }

  terminate(): void {
    this.isEnded = true;
  }
}

/** Does something with a pool of workers that a test drives. */
async function withIdleWorkers(
  workers: number,
  work: (pool: JobPool, made: IdleWorker[]) => Promise<void>,
): Promise<void> {
  const { Worker } = globalThis;
  IdleWorker.made = [];
  globalThis.Worker = IdleWorker as unknown as typeof Worker;
  try {
    using pool = new JobPool({ workers });
    await work(pool, IdleWorker.made);
  } finally {
    globalThis.Worker = Worker;
  }
}

function checkOf(path: string) {
  return {
    type: "check",
    path,
    offsets: new Float64Array(0),
    lengths: new Uint32Array(0),
    digests: new Uint8Array(0),
  } as const;
}

function packTo(to: string) {
  return { ...checkOf(""), type: "pack", path: undefined, from: "", to, level: 1 } as const;
}

const done = { ok: true, result: {} };

/** Runs jobs that nobody waits for. */
function runAll(pool: JobPool, jobs: readonly Job[]): void {
  for (const job of jobs) pool.run(job).catch(() => {});
}

Deno.test("a JobPool has two short jobs at each worker, before these begin and while the thread that asks is busy", () =>
  withIdleWorkers(2, async (pool, made) => {
    runAll(pool, ["a", "b", "c", "d", "e", "f"].map(checkOf));
    assertEquals(made.map(({ given }) => given), [["a", "c"], ["b", "d"]]);
    made[1]!.says({ ready: true });
    assertEquals(made[1]!.given, ["b", "d"]);
    made[1]!.says(done);
    assertEquals(made.map(({ given }) => given), [["a", "c"], ["b", "d", "e"]]);
    await Promise.resolve();
  }));

Deno.test("a JobPool gives a long job only to a worker that has nothing else to do", () =>
  withIdleWorkers(2, async (pool, made) => {
    runAll(pool, ["a", "b", "c"].map(packTo));
    for (const worker of made) worker.says({ ready: true });
    assertEquals(made.map(({ given }) => given), [["a"], ["b"]]);
    made[0]!.says(done);
    assertEquals(made.map(({ given }) => given), [["a", "c"], ["b"]]);
    await Promise.resolve();
  }));

Deno.test("a JobPool gives no job behind a long one", () =>
  withIdleWorkers(1, async (pool, made) => {
    runAll(pool, [packTo("a"), checkOf("b")]);
    made[0]!.says({ ready: true });
    assertEquals(made[0]!.given, ["a"]);
    made[0]!.says(done);
    assertEquals(made[0]!.given, ["a", "b"]);
    await Promise.resolve();
  }));

Deno.test("a JobPool starts nothing once it is closed", () =>
  withIdleWorkers(1, async (pool, made) => {
    pool[Symbol.dispose]();
    await assertRejects(() => pool.run(checkOf("a")), Error, "the pool was closed");
    assertEquals(made, []);
  }));

Deno.test("a JobPool moves nothing to a worker that may not be able to begin", () =>
  withIdleWorkers(1, async (pool, made) => {
    const buffer = new ArrayBuffer(8);
    pool.run(checkOf("moved"), [buffer]).catch(() => {});
    assertEquals(made.map(({ given }) => given), [[]]);
    made[0]!.says({ ready: true });
    assertEquals(made[0]!.given, ["moved"]);
    await Promise.resolve();
  }));

Deno.test("a JobPool does itself, or has done by others, what was given to a worker that cannot begin", () =>
  withIdleWorkers(2, async (pool, made) => {
    const first = pool.run(checkOf("/dev/null"));
    const second = pool.run(checkOf("b"));
    made[1]!.says({ ready: true });
    made[0]!.breaks();
    assertEquals(made[1]!.given, ["b", "/dev/null"]);
    made[1]!.says(done);
    await second;
    made[1]!.breaks();
    await assertRejects(() => first, Error, "a worker ended: broken");
    assertEquals(made.length, 2);
  }));

Deno.test("a JobPool works in the thread that asks once no worker could begin", () =>
  withIdleWorkers(1, async (pool, made) => {
    const jobs = [pool.run(checkOf("/dev/null")), pool.run(checkOf("/dev/null"))];
    made[0]!.breaks();
    for (const { right } of await Promise.all(jobs)) assertEquals(right, new Uint8Array(0));
  }));

Deno.test("a JobPool that was narrowed has fewer workers, also after it rested", () =>
  withIdleWorkers(4, async (pool, made) => {
    pool.narrow(2);
    const packing = ["a", "b", "c"].map((to) => pool.run(packTo(to)));
    assertEquals(made.map(({ given }) => given), [["a"], ["b"]]);
    for (const at of [0, 1, 0]) made[at]!.says({ ok: true, result: {} });
    await Promise.all(packing);
    pool.rest();
    pool.narrow(3);
    for (const to of ["d", "e", "f"]) pool.run(packTo(to)).catch(() => {});
    assertEquals(made.map(({ given }) => given), [["a", "c"], ["b"], ["d"], ["e"]]);
  }));

Deno.test("a JobPool that is narrowed or rests in the middle ends its workers with what they were given", () =>
  withIdleWorkers(2, async (pool, made) => {
    const running = ["a", "b", "c", "d"].map((path) => pool.run(checkOf(path)));
    for (const worker of made) worker.says({ ready: true });
    pool.narrow(1);
    const last = pool.run(checkOf("e"));
    for (const at of [1, 1]) made[at]!.says(done);
    assertEquals(made.map(({ isEnded }) => isEnded), [false, true]);
    pool.rest();
    for (const at of [0, 0]) made[at]!.says(done);
    await Promise.all(running);
    assertEquals(made.map(({ isEnded }) => isEnded), [true, true, false]);
    assertEquals(made.map(({ given }) => given), [["a", "c"], ["b", "d"], ["e"]]);
    made[2]!.says(done);
    await last;
  }));

Deno.test("a JobPool ends with its signal", async () => {
  const controller = new AbortController();
  using pool = new JobPool({ workers: 1, signal: controller.signal });
  await pool.run(checkOf("/dev/null"));
  const running = pool.run(checkOf("/dev/null"));
  controller.abort(new Error("enough"));
  await assertRejects(() => running, Error, "enough");
  await assertRejects(() => pool.run(checkOf("/dev/null")), Error, "enough");
});

Deno.test("a JobPool tells the code of the system's error", async () => {
  using pool = new JobPool({ workers: 1 });
  const error = await assertRejects(() =>
    pool.run({
      type: "check",
      path: "/nowhere/at/all",
      offsets: new Float64Array(1),
      lengths: new Uint32Array(1),
      digests: new Uint8Array(32),
    })
  );
  assertEquals((error as { code?: string }).code, "ENOENT");
});
