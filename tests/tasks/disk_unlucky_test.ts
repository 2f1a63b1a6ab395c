/** What goes wrong around a push or a pull of a disk: full caches, bases that go, files that are mounted, pulls that were cut off. @module */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { pullDisk, pushDisk } from "../../tasks/disk.ts";
import { noise } from "../support/disk.ts";
import { DiskWorld } from "../support/disk_world.ts";
import { runKedge } from "../support/program.ts";
import { canMount, mountSmallDisk } from "../support/small_disk.ts";

const data = noise(2_000_000);

async function pushed(world: DiskWorld): Promise<string> {
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
  return reference;
}

Deno.test({
  name: "a cache without room keeps nothing of a disk, and is no reason to push or pull none",
  ignore: !canMount,
  fn: async () => {
    await using world = await DiskWorld.make();
    const reference = await pushed(world);
    await Deno.mkdir(world.path("small"));
    await using small = await mountSmallDisk(world.path("small"), 4_000_000);
    const cacheDir = `${small.dir}/cache`;
    const out = world.path("out");
    const run = async (...args: string[]) => {
      const { code, stderr } = await runKedge(args, { cacheDir });
      assertEquals(code, 0, stderr);
      return stderr;
    };
    await run("disk:pull", reference, out);
    await world.write("disk", data.toReversed());
    await pushDisk({ file: world.path("disk"), reference }, world.machine());
    await Deno.writeFile(`${small.dir}/fill`, new Uint8Array(4_000_000)).catch(() => undefined);
    const warning = `warning: the cache in "${cacheDir}" has no room: the next run will know less`;
    assertStringIncludes(await run("disk:pull", reference, out), warning);
    await world.holds("out", data.toReversed());
    const other = `oci:${world.path("store")}:2`;
    assertStringIncludes(await run("disk:push", out, other, "--base", reference), warning);
  },
});
