/** Files that go while a pull of a disk is planned. @module */
import { assertEquals, assertRejects } from "@std/assert";
import { KedgeError } from "../../../lib/base/errors.ts";
import type { Job } from "../../../lib/chunk/job.ts";
import { JobPool } from "../../../lib/chunk/job_pool.ts";
import { pullDisk, type PullDiskOptions, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";

const data = noise(2_000_000);

/** Pulls while a file goes as soon as it is read. */
async function pullWithout(
  path: string,
  world: DiskWorld,
  options: PullDiskOptions,
): Promise<unknown> {
  const { run } = JobPool.prototype;
  JobPool.prototype.run = async function <J extends Job>(job: J, transfer?: Transferable[]) {
    if ("path" in job && job.path === path) await Deno.remove(path).catch(() => undefined);
    return await run.call(this, job, transfer) as never;
  };
  try {
    return await pullDisk(options, world.machine());
  } finally {
    JobPool.prototype.run = run;
  }
}

async function pushed(world: DiskWorld): Promise<{ options: PullDiskOptions; partial: string }> {
  const reference = `oci:${world.path("store")}:1`;
  const file = await world.write("disk", data);
  const { digest } = await pushDisk({ file, reference }, world.machine());
  const partial = world.path(`.out.${digest!.slice(7)}.kedge-partial`);
  return { options: { reference, file: world.path("out") }, partial };
}

for (const what of ["the unfinished file", "the file itself", "the file itself, in place"]) {
  Deno.test(`pullDisk() says it where ${what} goes while it is read for the plan`, async () => {
    await using world = await DiskWorld.make();
    const { options, partial } = await pushed(world);
    const isPartial = what === "the unfinished file";
    const path = isPartial ? partial : options.file;
    await Deno.writeFile(path, data.with(1_500_000, data[1_500_000]! ^ 1));
    const pull = pullWithout(path, world, { ...options, inPlace: what.endsWith("in place") });
    const error = await assertRejects(() => pull, KedgeError);
    assertEquals(
      [error.message, error.hint],
      [
        `Cannot write "${path}": it is gone`,
        "does another program write to it, or pull to it? run the same command again",
      ],
    );
    await pullDisk(options, world.machine());
    await world.holds("out", data);
  });
}

Deno.test("pullDisk() goes on without an unfinished file of another version that goes while it is read", async () => {
  await using world = await DiskWorld.make();
  const { options } = await pushed(world);
  const path = world.path(`.out.${"0".repeat(64)}.kedge-partial`);
  await Deno.writeFile(path, data);
  await pullWithout(path, world, options);
  await world.holds("out", data);
});

Deno.test("pullDisk() says which named base goes while it is read for the plan", async () => {
  await using world = await DiskWorld.make();
  const { options } = await pushed(world);
  const path = await world.write("base", data);
  const pull = pullWithout(path, world, { ...options, bases: [path] });
  const error = await assertRejects(() => pull, KedgeError);
  assertEquals(
    [error.message, error.hint],
    [
      `Cannot take chunks from "${path}": it went away while it was read`,
      "run the same command again, without this base if it is gone for good",
    ],
  );
  await pullDisk(options, world.machine());
  await world.holds("out", data);
});
