/** What a plan has to read of an image that goes to several destinations. */
import { assertEquals } from "@std/assert";
import { Cache } from "../../../lib/cache/cache.ts";
import { isThere } from "../../support/is_there.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeImage } from "../../support/layout.ts";

Deno.test("syncImages() writes nothing in a dry run to several destinations that has to read the config, and asks for it once in a run", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const platform = { os: "linux", architecture: "riscv64" };
  await writeImage(room.path("made"), "v1", { layers: ["layer"], platform });
  const from = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${room.path("made")}:v1`, from);
  const images = [{ from, to: [`oci:${room.path("b")}:v1`, `oci:${room.path("c")}:v1`] }];
  const cache = new Cache(room.path("cache"));
  const notes: string[] = [];
  const run = (dryRun: boolean) =>
    syncImages({ images, platforms: ["linux/arm64"] }, {
      cache,
      dryRun,
      report: (event) => {
        if (event.type === "note") notes.push(event.message);
      },
    });
  const planned = await run(true);
  assertEquals(notes.filter((note) => note.includes("linux/riscv64")).length > 0, true);
  for (const path of [cache.dir, room.path("b"), room.path("c")]) {
    assertEquals(await isThere(path), false, path);
  }
  registry.requests.length = 0;
  const done = await run(false);
  assertEquals({ ...planned, dryRun: false }, done);
  const read = registry.requests.map(({ path }) => path).filter((path) => path.includes("/blobs/"));
  const blobs = [...registry.store.blobs.keys()].map((digest) => `/v2/a/blobs/${digest}`);
  assertEquals(read.sort(), blobs.sort());
  assertEquals(done.requests, registry.requests.length);
});
