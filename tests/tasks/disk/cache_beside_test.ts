/** A cache on the same nearly full disk as the file of a pull: it takes none of the room that the file needs. @module */
import { assertEquals } from "@std/assert";
import { Cache } from "../../../lib/cache/cache.ts";
import { Journal } from "../../../lib/journal/journal.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { realTest } from "../../support/real.ts";

const block = 4096;
const blocks = 200;
const data = noise(blocks * block);

for (const inPlace of [false, true]) {
  realTest(
    `pullDisk() ${
      inPlace ? "in place " : ""
    }leaves the room on a disk to its file, and the rest to the cache`,
    ["root"],
    async () => {
      await using world = await DiskWorld.make();
      const reference = `oci:${world.path("store")}:1`;
      const file = await world.write("disk", data);
      await pushDisk({ file, reference, chunker: "fixed", chunkBytes: block }, world.machine());
      using runs = new Journal({ path: world.path("runs.db") });
      const journal = inPlace ? 1 : 0;
      // Three blocks take the marks of the cache.
      for (const [spare, kept] of [[3, false], [5, false], [100, true]] as const) {
        await using small = await mountSmallDisk(
          world.path("small"),
          (blocks + journal + spare) * block,
        );
        const out = `${small.dir}/out`;
        if (inPlace) await Deno.writeFile(out, new Uint8Array(0));
        const before = world.notes.length;
        const machine = {
          ...world.machine(),
          cache: new Cache(`${small.dir}/cache`),
          journal: runs,
        };
        await pullDisk({ reference, file: out, inPlace }, machine);
        await world.holds("small/out", data);
        const note = `the cache in "${small.dir}/cache" has no room: ` +
          "the next run will know less of this disk";
        assertEquals(world.notes.slice(before).includes(note), !kept);
      }
    },
  );
}
