/** Disks on which hardly anything is free: a dry run says what the run would. @module */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { NoRoomError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { fillDisk, mountSmallDisk } from "../../support/small_disk.ts";
import { twoDisks } from "../../support/two_disks.ts";
import { realTest } from "../../support/real.ts";

const data = noise(400_000);

realTest(
  "a dry run of disk:pull --in-place finds that there is no room for the journal",
  ["root"],
  async () => {
    await using world = await DiskWorld.make();
    const references = await twoDisks(world, data);
    await using _small = await mountSmallDisk(world.path("small"), 1_000_000);
    const file = world.path("small/out");
    const old = data.with(200_000, data[200_000]! ^ 1);
    await Deno.writeFile(file, old);
    await fillDisk(world.path("small/fill"));
    for (const reference of references) {
      for (const dryRun of [true, false]) {
        await assertRejects(
          () => pullDisk({ reference, file, inPlace: true }, { ...world.machine(), dryRun }),
          NoRoomError,
          `Cannot write 4 KiB to "${file}": only 0 B are free`,
        );
      }
      assertEquals(await Deno.readFile(file), old);
    }
    await Deno.truncate(world.path("small/fill"), 0);
    await pullDisk({ reference: references[0]!, file, inPlace: true }, world.machine());
    await fillDisk(world.path("small/fill"));
    for (const reference of references) {
      const pull = await pullDisk({ reference, file, inPlace: true }, world.machine());
      assertEquals(pull.changed, false);
    }
  },
);

realTest("a dry run of disk:push tells where a layout and the cache have no room together", [
  "root",
], async () => {
  await using world = await DiskWorld.make();
  const file = await world.write("disk", data);
  await using _small = await mountSmallDisk(world.path("small"), 700_000);
  const options = { file, reference: `oci:${world.path("small/store")}:1` };
  const here = { ...world.machine(), cache: new Cache(world.path("small/cache")) };
  await pushDisk(options, { ...here, dryRun: true });
  assertStringIncludes(
    world.notes.join("\n"),
    `to "${world.path("small/store")}": only 684 KiB are free, which is too little unless`,
  );
  await assertRejects(() => pushDisk(options, here), NoRoomError, "no room is left");
});

realTest(
  "disk:push says that there is no room where it ends at the very end",
  ["root"],
  async () => {
    await using world = await DiskWorld.make();
    const file = await world.write("disk", data);
    const reference = `oci:${world.path("small/store")}:1`;
    // 98 blocks for the pack, one each for the config, the index, the manifest, the layout's mark and its index.json.
    for (const blocks of [99, 100, 101, 102]) {
      await using _small = await mountSmallDisk(world.path("small"), blocks * 4096);
      await assertRejects(
        () => pushDisk({ file, reference }, world.machine()),
        NoRoomError,
        `Cannot write to "${world.path("small/store")}": no room is left`,
      );
    }
  },
);
