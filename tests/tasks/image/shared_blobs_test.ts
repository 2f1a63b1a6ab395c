/** Images of a list share layers: a registry is asked once whether it has one. */
import { assertEquals } from "@std/assert";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { randomBytes, writeImage } from "../../support/layout.ts";

const shared = randomBytes(300_000);

Deno.test("syncImages() asks a repository once for a blob that several images have, and plans as many requests", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const from = room.path("from");
  const tags = ["v1", "v2", "v3", "v4"];
  for (const tag of tags) await writeImage(from, tag, { layers: [shared, tag] });
  const images = tags.map((tag) => ({
    from: `oci:${from}:${tag}`,
    to: `docker://${registry.host}/a:${tag}`,
  }));
  const askedFor = () => {
    const heads = registry.requests.filter(({ method, path }) =>
      method === "HEAD" && path.includes("/blobs/")
    );
    return Map.groupBy(heads, ({ path }) => path).values().map(({ length }) => length).toArray();
  };
  // Each is planned, and then done: the shared layer, a layer and a config of each.
  const twice = Array(1 + 2 * tags.length).fill(2);
  await room.syncAll({ images });
  assertEquals(askedFor(), twice);
  registry.requests.length = 0;
  // What stands there is asked for once too, and once for each repository.
  const others = images.map(({ from, to }) => ({ from, to: to.replace("/a:", "/a:new-") }));
  const { bytesMoved } = await room.syncAll({ images: others });
  assertEquals([askedFor(), bytesMoved < shared.byteLength], [twice, true]);
  registry.requests.length = 0;
  const [first] = images;
  const two = ["b", "c"].map((name) => first!.to.replace("/a:", `/${name}:`));
  await room.syncAll({ images: [{ from: first!.from, to: two }] });
  assertEquals(askedFor(), Array(6).fill(2));
});

Deno.test("syncImages() mends a blob of the wrong size that several images have, and looks at it anew afterwards", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const from = room.path("from");
  for (const tag of ["v1", "v2"]) await writeImage(from, tag, { layers: [shared, tag] });
  const to = `docker://${registry.host}/a`;
  await room.sync(`oci:${from}:v1`, `${to}:v1`);
  const [digest] = registry.store.blobs.entries().find(([, bytes]) =>
    bytes.byteLength === shared.byteLength
  )!;
  registry.store.blobs.set(digest, new Uint8Array(10));
  const images = ["v1", "v2"].map((tag) => ({
    from: `oci:${from}:${tag}`,
    to: `${to}:new-${tag}`,
  }));
  await room.syncAll({ images });
  assertEquals(registry.store.blobs.get(digest), shared);
});
