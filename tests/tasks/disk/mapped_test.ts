/** Files that a program writes to through a mapping, of which the file system tells only the first write to each page. @module */
import { assert } from "@std/assert";
import { delay } from "@std/async";
import { syncData } from "../../../lib/base/sync_data.ts";
import { fileState, rested } from "../../../lib/disk/known_files.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { canMap, mapFile } from "../../support/mapped_file.ts";
import { canMount, mountSmallDisk } from "../../support/small_disk.ts";

const data = noise(300_000);

/** Waits until a file was left alone for so long that another write would show in its times. */
async function untilRested(file: string): Promise<void> {
  while (!rested(fileState(await Deno.stat(file)))) await delay(50);
}

for (const inMemory of [false, true]) {
  Deno.test({
    name: `pushDisk() finds what was written through a mapping to a file ${
      inMemory ? "in memory" : "on a disk"
    } right after the push before`,
    ignore: !canMap || inMemory && !canMount,
    fn: async () => {
      await using world = await DiskWorld.make();
      await using _small = inMemory
        ? await mountSmallDisk(world.path("small"), 1_000_000)
        : undefined;
      const file = await world.write(inMemory ? "small/disk" : "disk", data);
      const reference = `oci:${world.path("store")}:1`;
      await syncData(file);
      using mapped = mapFile(file, data.length);
      mapped.bytes[100_000]! ^= 1;
      const machine = world.machine();
      await untilRested(file);
      await pushDisk({ file, reference }, machine);
      mapped.bytes[100_001]! ^= 1;
      const push = await pushDisk({ file, reference }, machine);
      assert(push.changed);
      await pullDisk({ reference, file: world.path("out") }, world.machine());
      await world.holds("out", mapped.bytes);
    },
  });
}
