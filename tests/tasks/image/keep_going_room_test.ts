/** A list of images of which some do not fit on a disk: the others are copied where that is wanted. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { exitCodeOf, NoRoomError } from "../../../lib/base/errors.ts";
import { Layout, nameOf } from "../../../lib/oci/layout/layout.ts";
import { syncImages, type SyncImagesOptions } from "../../../tasks/image/list.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { randomBytes, writeImage } from "../../support/layout.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { realTest } from "../../support/real.ts";
import { Cache } from "../../../lib/cache/cache.ts";

async function tagsIn(folder: string): Promise<string[]> {
  return (await new Layout(folder).entries()).flatMap((entry) => nameOf(entry) ?? []).sort();
}

/** Syncs with keepGoing; gives the words of all that failed. */
async function failing(options: SyncImagesOptions, cache: Cache): Promise<string[]> {
  const error = await assertRejects(
    () => syncImages({ ...options, keepGoing: true }, { cache }),
    AggregateError,
  );
  assertEquals(exitCodeOf(error), new NoRoomError("").exitCode);
  return [error.message, ...error.errors.map(({ message }) => message)];
}

realTest("syncImages() goes on without the images for which a disk has no room, with keepGoing", [
  "root",
], async () => {
  await using room = await ImageRoom.make();
  for (const tag of ["v1", "v2", "v3", "v4"]) {
    await writeImage(room.path("from"), tag, {
      layers: [randomBytes(3_000_000, Number(tag[1]))],
    });
  }
  await using disk = await mountSmallDisk(room.path("disk"), 8_000_000);
  const [small, large] = [`${disk.dir}/small`, room.path("large")];
  const images = ["v1", "v2", "v3", "v4"].map((tag) => ({
    from: `oci:${room.path("from")}:${tag}`,
    to: `oci:${tag === "v4" ? large : small}:${tag}`,
  }));
  const [message, ...told] = await failing({ images }, new Cache(room.path("cache")));
  assertEquals([message, told.length], ["Cannot sync 1 of 4 images", 1]);
  assertStringIncludes(told[0]!, `to "${small}": only `);
  assertEquals([await tagsIn(small), await tagsIn(large)], [["v1", "v2"], ["v4"]]);
});

realTest(
  "syncImages() goes on without what has to pass through a cache that has no room for it, with keepGoing",
  ["root"],
  async () => {
    await using room = await ImageRoom.make();
    await using registry = new FakeRegistry();
    await writeImage(room.path("from"), "v1", { layers: [randomBytes(3_000_000)] });
    const [made, there] = [`oci:${room.path("from")}:v1`, `docker://${registry.host}/a:v1`];
    await room.sync(made, there);
    await using disk = await mountSmallDisk(room.path("disk"), 2_000_000);
    const [b, c] = [`oci:${room.path("b")}:v1`, `oci:${room.path("c")}:v1`];
    const [message] = await failing({
      images: [{ from: there, to: [b, c] }, { from: made, to: `oci:${room.path("d")}:v1` }],
    }, new Cache(`${disk.dir}/cache`));
    assertEquals(message, "Cannot sync 2 of 3 images");
    assertEquals(await tagsIn(room.path("d")), ["v1"]);
  },
);

realTest(
  "syncImages() leaves room for the images that go on where others that pass through the cache on the same disk are left out, with keepGoing",
  ["root"],
  async () => {
    await using room = await ImageRoom.make();
    await using registry = new FakeRegistry();
    for (const [seed, tag] of ["v1", "v2"].entries()) {
      await writeImage(room.path("from"), tag, { layers: [randomBytes(3_000_000, seed)] });
    }
    const there = `docker://${registry.host}/a:v1`;
    await room.sync(`oci:${room.path("from")}:v1`, there);
    await using disk = await mountSmallDisk(room.path("disk"), 8_000_000);
    const [b, c, d] = ["b", "c", "d"].map((name) => `${disk.dir}/${name}`);
    const [message] = await failing({
      images: [
        { from: there, to: [`oci:${b}:v1`, `oci:${c}:v1`] },
        { from: `oci:${room.path("from")}:v2`, to: `oci:${d}:v2` },
      ],
    }, new Cache(`${disk.dir}/cache`));
    assertEquals(message, "Cannot sync 1 of 3 images");
    assertEquals([await tagsIn(b!), await tagsIn(d!)], [["v1"], ["v2"]]);
  },
);
