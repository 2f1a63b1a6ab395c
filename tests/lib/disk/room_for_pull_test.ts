import { assertEquals } from "@std/assert";
import { mayCompress, takenBytes } from "../../../lib/base/disk_space.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { allPlaces } from "../../../lib/chunk/places.ts";
import { lookAtDiskFile } from "../../../lib/disk/disk_file.ts";
import type { DiskImage } from "../../../lib/disk/disk_image.ts";
import { roomForPull } from "../../../lib/disk/room_for_pull.ts";
import { noise, rawIndex, tableOf } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";

Deno.test("roomForPull() counts chunks as they are packed where the file system may compress", async () => {
  await using world = await DiskWorld.make();
  const data = noise(40 * 4096);
  const index = rawIndex(tableOf(data, chunkerFor("fixed", 0, 4096)));
  index.stored.fill(100);
  const plan = {
    image: { index } as DiskImage,
    places: allPlaces(index, new Uint8Array(40)),
    located: { source: new Uint16Array(40), offset: new Float64Array(40) },
    sources: [],
    out: world.path("out"),
  };
  const file = await lookAtDiskFile(plan.out);
  assertEquals(roomForPull({ ...plan, file, inPlace: false }, false), data.length);
  assertEquals(roomForPull({ ...plan, file, inPlace: false }, true), 4000);
  // A file of this very size that takes nearly nothing, as a compressing file system tells it.
  const info = { ...await Deno.stat(world.folder), size: data.length, blocks: 1 };
  const there = { ...plan, file: { ...file, info }, inPlace: true };
  assertEquals(roomForPull(there, false), data.length - 512 + 4096);
  assertEquals(roomForPull(there, true), 4000);
});

Deno.test("takenBytes() counts all of a file where the system does not tell", async () => {
  const info = await Deno.stat(import.meta.filename!);
  assertEquals(takenBytes({ ...info, size: 3, blocks: null }), 3);
  assertEquals(takenBytes({ ...info, size: 3, blocks: 8 }), 4096);
});

Deno.test("mayCompress() tells of no file system that it does not know", () => {
  assertEquals(mayCompress("/dev/none/at/all"), false);
});
