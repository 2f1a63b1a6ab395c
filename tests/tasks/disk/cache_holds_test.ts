/** A cache on the same nearly full disk as the file of a pull, which holds already what it is to keep. @module */
import { assert, assertEquals } from "@std/assert";
import { Cache } from "../../../lib/cache/cache.ts";
import { knownFile } from "../../../lib/disk/known_files.ts";
import { Journal } from "../../../lib/journal/journal.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { fillDisk, mountSmallDisk } from "../../support/small_disk.ts";
import { realTest } from "../../support/real.ts";

const block = 4096;
const blocks = 200;
const data = noise(blocks * block);

realTest("pullDisk() asks no room for what the cache keeps of a disk where it has it already", [
  "root",
], async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const file = await world.write("disk", data);
  await pushDisk({ file, reference, chunker: "fixed", chunkBytes: block }, world.machine());
  using runs = new Journal({ path: world.path("runs.db") });
  await using small = await mountSmallDisk(world.path("small"), 1000 * block);
  const out = `${small.dir}/out`;
  const cache = new Cache(`${small.dir}/cache`);
  const pull = () =>
    pullDisk({ reference, file: out }, { ...world.machine(), cache, journal: runs });
  await pull();
  await Deno.remove(out);
  await fillDisk(`${small.dir}/fill`);
  // What the file takes, and two blocks for what is written anew of each entry.
  const { size } = await Deno.stat(`${small.dir}/fill`);
  await Deno.truncate(`${small.dir}/fill`, size - (blocks + 2) * block);
  assert((await pull()).changed);
  await world.holds("small/out", data);
  assertEquals(world.notes.filter((note) => note.includes("has no room")), []);
  assertEquals((await knownFile(cache, out))?.certain, true);
});
