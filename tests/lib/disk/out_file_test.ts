import { assert, assertEquals, assertRejects } from "@std/assert";
import { KedgeError } from "../../../lib/base/errors.ts";
import { lookAtDiskFile } from "../../../lib/disk/disk_file.ts";
import { openOut, settle } from "../../../lib/disk/out_file.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { mountSmallDisk, unmount } from "../../support/small_disk.ts";
import { realTest } from "../../support/real.ts";

/** Opens a file as a pull does, and lets it go again. */
async function openOnce(out: string, seen?: Deno.FileInfo): Promise<Deno.FileInfo> {
  using held = new DisposableStack();
  return await openOut({ file: await lookAtDiskFile(out), out, seen, stands: false }, held);
}

Deno.test("openOut() makes a file where none was, and settle() knows it again", async () => {
  await using world = await DiskWorld.make();
  const written = await openOnce(world.path("out"));
  await settle({ out: world.path("out"), stands: false }, 0, written);
  assertEquals(await openOnce(world.path("out"), written), written);
});

Deno.test("a file that got the inode number of the one before is another file", async () => {
  await using world = await DiskWorld.make();
  const out = await world.write("out", new Uint8Array(3));
  const info = await Deno.stat(out);
  if (info.birthtime === null) return; // Then the number is all that the system tells.
  const before = { ...info, birthtime: new Date(info.birthtime.getTime() - 1) };
  const state = `Cannot write "${out}": another file has its name by now`;
  await assertRejects(() => openOnce(out, before), KedgeError, state);
  await assertRejects(() => settle({ out, stands: false }, 3, before), KedgeError, state);
});

realTest(
  "a file of a container's image stays itself when it is written first",
  ["root"],
  async () => {
    await using world = await DiskWorld.make();
    await using disk = await mountSmallDisk(world.path("disk"), 1_000_000);
    for (const name of ["lower", "upper", "work"]) await Deno.mkdir(`${disk.dir}/${name}`);
    await world.write("disk/lower/out", new Uint8Array(3));
    await Deno.mkdir(world.path("root"));
    const parts = ["lower", "upper", "work"].map((name) => `${name}dir=${disk.dir}/${name}`);
    const mount = ["-t", "overlay", "-o", parts.join(","), "overlay", world.path("root")];
    const { success, stderr } = await new Deno.Command("mount", { args: mount }).output();
    assert(success, new TextDecoder().decode(stderr));
    try {
      const out = world.path("root/out");
      const seen = await Deno.stat(out);
      await settle({ out, stands: false }, 3, await openOnce(out, seen));
      await assertRejects(() => openOnce(out, { ...seen, ino: 1 }), KedgeError, "another file");
    } finally {
      await unmount(world.path("root"));
    }
  },
);
