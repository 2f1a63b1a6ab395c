/** Unfinished files that another pull has locked: whoever comes second changes nothing of them, neither their mode nor their name. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import { closeLocked } from "../../../lib/base/file_lock.ts";
import { lookAt } from "../../../lib/base/files.ts";
import { lookAtDiskFile } from "../../../lib/disk/disk_file.ts";
import { openOut } from "../../../lib/disk/out_file.ts";
import { pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

/** Makes a file that is locked, as a pull has its own, and gives it a mode. */
async function lockedFile(path: string, mode: number, held: DisposableStack): Promise<void> {
  await Deno.writeFile(path, new Uint8Array(3));
  const file = held.adopt(await Deno.open(path, { read: true, write: true }), closeLocked);
  assert(file.tryLockSync(true));
  await Deno.chmod(path, mode);
}

Deno.test({
  name: "openOut() leaves its mode to an unfinished file that another pull is about to name",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using world = await DiskWorld.make();
    const file = await lookAtDiskFile(world.path("out"));
    const out = file.partial(sha256("disk"));
    using other = new DisposableStack();
    await lockedFile(out, 0o444, other);
    const open = async () => {
      using held = new DisposableStack();
      await openOut({ file, out, seen: await Deno.stat(out), stands: false }, held);
    };
    const state = `Cannot write "${file.path}": another pull writes to it`;
    await assertRejects(open, KedgeError, state);
    assertEquals((await Deno.stat(out)).mode! & 0o7777, 0o444);
    other.dispose();
    await open();
    assertEquals((await Deno.stat(out)).mode! & 0o7777, 0o644);
  },
});

Deno.test("openOut() takes no file for a new one that another pull began after the plan", async () => {
  await using world = await DiskWorld.make();
  const file = await lookAtDiskFile(world.path("out"));
  const out = file.partial(sha256("disk"));
  await Deno.writeFile(out, new Uint8Array(3));
  using held = new DisposableStack();
  await assertRejects(
    () => openOut({ file, out, seen: undefined, stands: false }, held),
    KedgeError,
    `Cannot write "${out}": another file has its name by now`,
  );
});

for (const mode of [0o200, 0o000]) {
  const name = mode.toString(8).padStart(4, "0");
  realTest(
    `disk:pull takes no unfinished file of mode ${name} away from the pull that has it locked`,
    ["bound"],
    async () => {
      await using world = await DiskWorld.make();
      const reference = `oci:${world.path("store")}:1`;
      const data = noise(100_000);
      const { digest } = await pushDisk(
        { file: await world.write("disk", data), reference },
        world.machine(),
      );
      const partial = (await lookAtDiskFile(world.path("out"))).partial(digest!);
      using other = new DisposableStack();
      await lockedFile(partial, mode, other);
      const { ino } = await Deno.stat(partial);
      const pull = async () => {
        const options = { cacheDir: world.path("cache"), bound: true };
        return await runKedge(["disk:pull", reference, world.path("out")], options);
      };
      const busy = await pull();
      assertEquals(lookAt(partial)?.ino, ino, "it is there still");
      assertEquals(busy.code, 1, busy.stderr);
      assert(busy.stderr.includes(": another pull writes to it"), busy.stderr);
      other.dispose();
      assertEquals((await pull()).code, 0);
      await world.holds("out", data);
    },
  );
}
