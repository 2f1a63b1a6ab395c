/** Disks that fill up while an image comes: it is told which one, nothing is named, and the next run goes on with what is there. */
import { assertEquals, assertRejects } from "@std/assert";
import { Cache } from "../../../lib/cache/cache.ts";
import { freeBytes } from "../../../lib/base/disk_space.ts";
import { NoRoomError } from "../../../lib/base/errors.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import type { OperationEvent, Phase } from "../../../lib/operation/event.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { randomBytes, writeImage } from "../../support/layout.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";
import { realTest } from "../../support/real.ts";

const layerBytes = 8_000_000;

/** Copies an image to a disk that has room for it, once with all but so many bytes taken away as a phase begins, and then again. */
async function twice(
  from: "registry" | "layout",
  { phase, leftBytes }: { phase: Phase; leftBytes: number },
): Promise<{ error: NoRoomError; path: string; bytesMoved: number }> {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const image = await writeImage(room.path("from"), "v1", {
    layers: [randomBytes(layerBytes), "small"],
  });
  const made = `oci:${room.path("from")}:v1`;
  const there = `docker://${registry.host}/a:v1`;
  await syncImage({ from: made, to: there }, { cache: new Cache(room.path("other")) });
  await using disk = await mountSmallDisk(room.path("disk"), layerBytes + 1_000_000);
  const layout = new Layout(`${disk.dir}/layout`);
  const filler = `${disk.dir}/filler`;
  const run = (fill: boolean) =>
    syncImage({ from: from === "layout" ? made : there, to: `oci:${layout.folder}:v1` }, {
      cache: new Cache(room.path("cache")),
      report: (event: OperationEvent) => {
        if (!fill || event.type !== "phase-start" || event.phase !== phase) return;
        Deno.writeFileSync(filler, new Uint8Array(freeBytes(disk.dir)! - leftBytes));
      },
    });
  const error = await assertRejects(() => run(true), NoRoomError);
  assertEquals([await layout.isThere(), await layout.find("v1")], [false, undefined]);
  await Deno.remove(filler);
  const { digest, bytesMoved } = await run(false);
  assertEquals([digest, (await layout.find("v1"))?.digest], [image.digest, image.digest]);
  return { error, path: layout.folder, bytesMoved };
}

for (const from of ["registry", "layout"] as const) {
  for (
    const [phase, leftBytes, mostMoved] of [
      // A copy of a file begins anew; of what came over a connection little is moved again.
      ["move", 4_000_000, from === "layout" ? layerBytes + 10_000 : layerBytes / 2 + 200_000],
      ["commit", 0, 10_000],
    ] as const
  ) {
    realTest(
      `syncImage() from a ${from} to a disk that fills up at its ${phase} finishes once there is room again`,
      ["root"],
      async () => {
        const { error, path, bytesMoved } = await twice(from, { phase, leftBytes });
        assertEquals(error.message, `Cannot write to "${path}": the disk is full`);
        assertEquals(bytesMoved <= mostMoved, true, `${bytesMoved} bytes`);
      },
    );
  }
}

realTest(
  "syncImage() says that a disk with room in bytes takes no more files, and finishes once it does",
  ["root"],
  async () => {
    await using room = await ImageRoom.make();
    await writeImage(room.path("from"), "v1", { layers: ["one", "two"] });
    await using disk = await mountSmallDisk(room.path("disk"), 4_000_000, 40);
    const others = Array.from({ length: 35 }, (_, at) => `${disk.dir}/${at}`);
    for (const other of others) await Deno.writeTextFile(other, "");
    const layout = new Layout(`${disk.dir}/layout`);
    const run = () =>
      syncImage(
        { from: `oci:${room.path("from")}:v1`, to: `oci:${layout.folder}:v1` },
        room.context,
      );
    const error = await assertRejects(run, NoRoomError);
    assertEquals(
      error.message,
      `Cannot write to "${layout.folder}": the disk takes no more files`,
    );
    assertEquals(await layout.isThere(), false);
    for (const other of others) await Deno.remove(other);
    assertEquals((await run()).digest, (await layout.find("v1"))?.digest);
  },
);
