/** Options and files that the disk tasks refuse. */
import { assertRejects } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { pullDisk, pushDisk, verifyDisk } from "../../../tasks/disk/disk.ts";
import { diffDisks, inspectDisk } from "../../../tasks/disk/inspect.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { first } from "../../support/disk_data.ts";

Deno.test("pullDisk() refuses a folder, a device, a missing folder, and a base that is none", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", first), reference }, world.machine());
  const refuse = (file: string, state: string, bases: string[] = []) =>
    assertRejects(() => pullDisk({ reference, file, bases }, world.machine()), UsageError, state);
  await refuse(world.folder, "it is a folder");
  await refuse("/dev/null", "it is a device");
  await refuse(world.path("no/such/file"), "is not there");
  await refuse(world.path("out"), "it is not a file", [world.path("nothing")]);
});

Deno.test("the disk tasks refuse bad options", async () => {
  await using world = await DiskWorld.make();
  const file = await world.write("disk", first);
  const reference = `oci:${world.path("store")}:1`;
  const refuse = (options: object, state: string) =>
    assertRejects(
      () => pushDisk({ file, reference, ...options }, world.machine()),
      UsageError,
      state,
    );
  await refuse({ chunkBytes: 1000 }, "Cannot cut into chunks of 1000 bytes");
  await refuse({ level: 0 }, "Cannot compress with level 0");
  await refuse({ concurrency: 0 }, "Cannot use 0 as concurrency");
  await refuse({ file: world.folder }, "it is a folder");
  await refuse({ file: world.path("none") }, "it is not there");
  await refuse({ reference: "nowhere" }, "Cannot read the reference");
  await refuse({ reference: `${reference}@sha256:${"0".repeat(64)}` }, "it names a digest");
  await refuse({ chunker: "rabin" }, "it is auto, fixed or cdc");
  await refuse(
    { repack: true, bases: [reference] },
    "it is to be packed afresh, and to name packs",
  );
  await assertRejects(
    () =>
      pullDisk({ reference: "docker://127.0.0.1:1/x", file }, {
        ...world.machine(),
        offline: true,
      }),
    UsageError,
    "offline",
  );
});

Deno.test("the disk tasks refuse options of another type by their names", async () => {
  await using world = await DiskWorld.make();
  const file = await world.write("disk", first);
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file, reference }, world.machine());
  const tasks: [(options: never, ctx: TaskContextOptions) => Promise<unknown>, object, string[]][] =
    [
      [pullDisk, { reference, file }, ["bases", "inPlace", "concurrency"]],
      [pushDisk, { reference, file }, ["bases", "repack", "paranoid", "level", "chunkBytes"]],
      [verifyDisk, { reference, file }, ["repair"]],
      [inspectDisk, { reference }, []],
      [diffDisks, { from: reference, to: reference }, []],
    ];
  for (const [task, good, more] of tasks) {
    const refuse = (options: unknown, state: string) =>
      assertRejects(() => task(options as never, world.machine()), UsageError, state);
    for (const name of Object.keys(good)) {
      await refuse({ ...good, [name]: undefined }, `Cannot use undefined as ${name}: it must be`);
      await refuse(
        { ...good, [name]: ["x"] },
        `Cannot use such a list as ${name}: it must be a text`,
      );
      await refuse({ ...good, [name]: "a\0b" }, `Cannot use "a\\u0000b" as ${name}: it must be`);
    }
    for (const name of [...more, "insecureRegistries"]) {
      await refuse({ ...good, [name]: "no" }, `Cannot use "no" as ${name}: it must be`);
      await refuse({ ...good, [name]: [7] }, `Cannot use such a list as ${name}: it must be`);
      await task({ ...good, [name]: undefined } as never, world.machine());
    }
    for (const options of [undefined, null, "x"]) {
      await refuse(options, `Cannot use ${Deno.inspect(options)} as options: they must be`);
    }
  }
});
