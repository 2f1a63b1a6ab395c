import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { sha256 } from "../../lib/base/digest.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { Layout } from "../../lib/oci/layout.ts";
import { FakeRegistry } from "../support/fake_registry.ts";
import { ImageRoom } from "../support/image_room.ts";
import { blobsOf, randomBytes, writeImage } from "../support/layout.ts";

const layers = [randomBytes(900_000, 1), randomBytes(300_000, 2)];

Deno.test("syncImage() fetches no blob that a known layout has", async () => {
  await using room = await ImageRoom.make({ oneMachine: true });
  await using registry = new FakeRegistry();
  const image = await writeImage(room.path("from"), "v1", { layers });
  const there = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, there);
  await room.sync(there, `oci:${room.path("one")}:v1`);
  const before = registry.sentBytes;
  const result = await room.sync(there, `oci:${room.path("two")}:v1`);
  assertEquals(registry.sentBytes, before);
  assertEquals(result.bytesMoved, image.size);
  assertStringIncludes(result.why, "; 3 of them are on this machine");
  assertEquals(await blobsOf(room.path("two")), await blobsOf(room.path("from")));
  const [one, two] = ["one", "two"].map((name) =>
    Deno.statSync(new Layout(room.path(name)).blobPath(sha256(layers[0]!))).ino
  );
  assert(one !== two, "the blob of another layout is copied");
});

Deno.test("syncImage() links to a blob of the cache", async () => {
  await using room = await ImageRoom.make({ oneMachine: true });
  await using registry = new FakeRegistry();
  await writeImage(room.path("from"), "v1", { layers });
  const there = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, there);
  await Deno.remove(room.path("from"), { recursive: true });
  const cache = new Cache(room.path("cache"));
  const { path } = await cache.blobs.persist(new Blob([layers[0]!]).stream());
  const before = registry.sentBytes;
  const result = await room.sync(there, `oci:${room.path("to")}:v1`);
  assertEquals(result.bytesReused, 900_000);
  assert(registry.sentBytes - before < 310_000);
  const { ino } = await Deno.stat(new Layout(room.path("to")).blobPath(sha256(layers[0]!)));
  assertEquals(ino, (await Deno.stat(path)).ino);
});

Deno.test("syncImage() fetches a blob that a known layout holds damaged", async () => {
  await using room = await ImageRoom.make({ oneMachine: true });
  await using registry = new FakeRegistry();
  await writeImage(room.path("from"), "v1", { layers });
  const there = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, there);
  const known = new Layout(room.path("from")).blobPath(sha256(layers[0]!));
  await Deno.writeFile(known, layers[0]!.with(450_000, layers[0]![450_000]! ^ 1));
  const { syncImage } = await import("../../tasks/image.ts");
  const result = await syncImage({ from: there, to: `oci:${room.path("to")}:v1` }, {
    cache: new Cache(room.path("cache")),
    report: (event) => void room.events.push(event),
  });
  assertEquals([result.changed, result.bytesMoved >= 900_000], [true, true]);
  assertStringIncludes(room.notes.join("\n"), `"${known}" is of no use`);
  const { isFile } = await Deno.stat(new Layout(room.path("to")).blobPath(sha256(layers[0]!)));
  assert(isFile);
});
