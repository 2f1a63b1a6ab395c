/** Copies as an ordinary user, whom the permissions of files bind. */
import { assertEquals } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { randomBytes, writeImage } from "../../support/layout.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

realTest(
  "image:sync links to a blob of the cache, which its owner may only read",
  ["bound"],
  async () => {
    await using room = await ImageRoom.make({ oneMachine: true });
    await using registry = new FakeRegistry();
    const layer = randomBytes(900_000, 1);
    await writeImage(room.path("from"), "v1", { layers: [layer] });
    const there = `docker://${registry.host}/a:v1`;
    await room.sync(`oci:${room.path("from")}:v1`, there);
    await Deno.remove(room.path("from"), { recursive: true });
    const cache = new Cache(room.path("cache"));
    const { path } = await cache.blobs.persist(new Blob([layer]).stream());
    const args = ["image:sync", there, `oci:${room.path("to")}:v1`];
    const { code, stderr } = await runKedge(args, { cacheDir: cache.dir, bound: true });
    assertEquals(code, 0, stderr);
    const { ino } = await Deno.stat(new Layout(room.path("to")).blobPath(sha256(layer)));
    assertEquals(ino, (await Deno.stat(path)).ino);
  },
);
