/** An image is brought into docker, and from an engine to places. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { fakeDocker } from "../../support/fake_docker.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { randomBytes } from "../../support/layout.ts";
import { writeRunnableImage } from "../../support/runnable_image.ts";
import { files, sizeOf, sync } from "../../support/engine_sync.ts";

Deno.test("syncImage() brings an image into docker's store, and asks only for what lies on a changed layer", async () => {
  await using room = await ImageRoom.make();
  const folder = room.path("docker");
  await Deno.mkdir(folder);
  const engines = { docker: { program: await fakeDocker(folder) } };
  const image = await writeRunnableImage(room.path("from"), "v1", files);
  const from = `oci:${room.path("from")}:v1`;
  const to = "docker-daemon:app";
  const first = await sync(room, { from, to, engines });
  assertEquals(first.bytesMoved, sizeOf(image.root, image.config, ...image.layers));
  assertEquals((await sync(room, { from, to, engines })).changed, false);
  const state = async () => JSON.parse(await Deno.readTextFile(join(folder, "state"))).names;
  assertEquals(await state(), { "app:latest": image.config.digest });

  const changed = [files[0]!, { name: "middle", bytes: randomBytes(200_000, 9) }, files[2]!];
  const next = await writeRunnableImage(room.path("from"), "v1", changed);
  const planned = await sync(room, { from, to, engines }, true);
  const result = await sync(room, { from, to, engines });
  assertEquals(result.bytesMoved, sizeOf(next.root, next.config, ...next.layers.slice(1)));
  assertEquals(planned.bytesMoved, result.bytesMoved);
  assertEquals(result.bytesReused, next.layers[0]!.size);
  assertEquals(await state(), { "app:latest": next.config.digest });
});

Deno.test("syncImage() brings into an engine from this machine what is known and sound here", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const folder = room.path("docker");
  await Deno.mkdir(folder);
  const engines = { docker: { program: await fakeDocker(folder) } };
  const image = await writeRunnableImage(room.path("from"), "v1", files);
  const from = `docker://${registry.host}/acme/app:v1`;
  await sync(room, { from: `oci:${room.path("from")}:v1`, to: from });
  const damaged = new Layout(room.path("from")).blobPath(image.layers[1]!.digest);
  const bytes = await Deno.readFile(damaged);
  await Deno.writeFile(damaged, bytes.with(1000, bytes[1000]! ^ 1));
  const before = registry.sentBytes;
  const planned = await sync(room, { from, to: "docker-daemon:app", engines }, true);
  const result = await sync(room, { from, to: "docker-daemon:app", engines });
  assertEquals(registry.sentBytes - before, image.layers[1]!.size);
  // The plan cannot know of the damage.
  assertEquals([result.bytesMoved, result.requests], [planned.bytesMoved, planned.requests + 1]);
  assert(room.notes.some((note) => note.includes(`"${damaged}" is of no use`)));
});
