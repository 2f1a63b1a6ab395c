import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { dirname } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { buckets } from "../../../lib/cache/buckets.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout, nameOf } from "../../../lib/oci/layout/layout.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { collectImages } from "../../../tasks/image/gc.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { blobsOf, randomBytes, writeImage } from "../../support/layout.ts";

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

Deno.test("collectImages() keeps what a copy brought just now by a link to a blob of the cache, however old that is", async () => {
  await using room = await ImageRoom.make({ oneMachine: true });
  await writeImage(room.path("to"), "v1", { layers });
  const { path } = await room.context.cache.blobs.persist(
    new Blob([randomBytes(5000, 3)]).stream(),
  );
  await Deno.utime(path, 1, 1);
  const linked = new Layout(room.path("to")).blobPath(sha256(randomBytes(5000, 3)));
  await Deno.link(path, linked);
  const collect = (graceMs?: number) =>
    collectImages({ layout: `oci:${room.path("to")}`, graceMs }, room.context);
  assertEquals((await collect()).removed, []);
  assertEquals((await collect(-60_000)).removed, [sha256(randomBytes(5000, 3))]);
});

Deno.test("syncImage() sends from this machine what is known here, rather than read it at the source", async () => {
  await using room = await ImageRoom.make({ oneMachine: true });
  await using registry = new FakeRegistry();
  await using other = new FakeRegistry();
  const image = await writeImage(room.path("from"), "v1", { layers });
  const there = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, there);
  const before = registry.requests.length;
  const result = await room.sync(there, `docker://${other.host}/b:v1`);
  assertEquals(result.digest, image.digest);
  assertStringIncludes(result.why, "lacks 3 of 3 blobs");
  assertStringIncludes(result.why, "; 3 of them are on this machine");
  const asked = registry.requests.slice(before).map(({ method, path }) => `${method} ${path}`);
  assertEquals(new Set(asked), new Set(["GET /v2/a/manifests/v1", "HEAD /v2/a/manifests/v1"]));
  assertEquals(other.store.repository("b").tags.get("v1"), image.digest);
  assertEquals(other.store.blobs.get(sha256(layers[0]!))?.byteLength, 900_000);
});

Deno.test("syncImage() sends a blob of the cache, and reads the others at the source", async () => {
  await using room = await ImageRoom.make({ oneMachine: true });
  await using registry = new FakeRegistry();
  await using other = new FakeRegistry();
  await writeImage(room.path("from"), "v1", { layers });
  const there = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, there);
  await Deno.remove(room.path("from"), { recursive: true });
  await new Cache(room.path("cache")).blobs.persist(new Blob([layers[0]!]).stream());
  const before = registry.sentBytes;
  const result = await room.sync(there, `docker://${other.host}/b:v1`);
  assert(registry.sentBytes - before < 310_000, "the large blob is read in the cache");
  assertStringIncludes(result.why, "; 1 of them is on this machine");
});

Deno.test("syncImage() reads at the source what is damaged on this machine, and leaves nothing wrong at the destination", async () => {
  for (const [size, seed] of [[900_000, 1], [70 * 1024 * 1024, 3]] as const) {
    await using room = await ImageRoom.make({ oneMachine: true });
    await using registry = new FakeRegistry();
    await using other = new FakeRegistry();
    const layer = randomBytes(size, seed);
    const image = await writeImage(room.path("from"), "v1", { layers: [layer] });
    const there = `docker://${registry.host}/a:v1`;
    await room.sync(`oci:${room.path("from")}:v1`, there);
    const known = new Layout(room.path("from")).blobPath(sha256(layer));
    const spoils = [layer.with(450_000, layer[450_000]! ^ 1), layer.subarray(1)];
    for (const [at, bytes] of spoils.entries()) {
      await Deno.writeFile(known, bytes);
      const result = await syncImage({ from: there, to: `docker://${other.host}/b-${at}:v1` }, {
        cache: new Cache(room.path("cache")),
        report: (event) => void room.events.push(event),
      });
      assertEquals(result.digest, image.digest);
      const isSized = bytes.byteLength === size;
      assertEquals(room.notes.some((note) => note.includes(`"${known}" is of no use`)), isSized);
      assertEquals(sha256(other.store.blobs.get(sha256(layer))!), sha256(layer));
      assertEquals(other.store.uploads.size, 0);
      room.events.length = 0;
    }
  }
});

Deno.test("syncImage() fetches a blob that a known layout holds damaged", async () => {
  await using room = await ImageRoom.make({ oneMachine: true });
  await using registry = new FakeRegistry();
  await writeImage(room.path("from"), "v1", { layers });
  const there = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, there);
  const known = new Layout(room.path("from")).blobPath(sha256(layers[0]!));
  await Deno.writeFile(known, layers[0]!.with(450_000, layers[0]![450_000]! ^ 1));
  const result = await syncImage({ from: there, to: `oci:${room.path("to")}:v1` }, {
    cache: new Cache(room.path("cache")),
    report: (event) => void room.events.push(event),
  });
  assertEquals([result.changed, result.bytesMoved >= 900_000], [true, true]);
  assertStringIncludes(room.notes.join("\n"), `"${known}" is of no use`);
  const { isFile } = await Deno.stat(new Layout(room.path("to")).blobPath(sha256(layers[0]!)));
  assert(isFile);
});

Deno.test("syncImages() gives all names though it cannot remember the layouts, and says so", async () => {
  await using room = await ImageRoom.make();
  const tags = ["v1", "v2", "v3"];
  for (const tag of tags) await writeImage(room.path("from"), tag, { layers: [tag] });
  const cache = new Cache(room.path("cache"));
  const { dir } = cache.bucket(buckets.oci).shard("layouts");
  await Deno.mkdir(dirname(dir), { recursive: true });
  await Deno.writeTextFile(dir, "in the way");
  const images = tags.map((tag) => ({
    from: `oci:${room.path("from")}:${tag}`,
    to: `oci:${room.path("to")}:${tag}`,
  }));
  const { changed } = await syncImages({ images }, {
    cache,
    report: (event) => void room.events.push(event),
  });
  assertEquals(changed, true);
  const named = await new Layout(room.path("to")).entries();
  assertEquals(named.map(nameOf).sort(), tags);
  assertStringIncludes(room.notes.join("\n"), "cannot keep the layouts in mind: ");
});

Deno.test("syncImage() that is ended while it gives names has ended when it says so", async () => {
  await using room = await ImageRoom.make();
  await writeImage(room.path("from"), "v1", { layers });
  const cache = new Cache(room.path("cache"));
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  let isKept = false;
  const ensure = cache.ensure.bind(cache);
  cache.ensure = async (folder) => {
    if (folder.includes("layouts")) await ended;
    await ensure(folder);
    isKept ||= folder.includes("layouts");
  };
  const stop = new AbortController();
  const running = syncImage({
    from: `oci:${room.path("from")}:v1`,
    to: `oci:${room.path("to")}:v1`,
  }, {
    cache,
    signal: stop.signal,
    report: (event) => {
      if (event.type !== "phase-start" || event.phase !== "commit") return;
      stop.abort(new Error("cut"));
      // Who did not wait for the names would have ended by then.
      setTimeout(end, 100);
    },
  });
  await assertRejects(() => running, Error, "cut");
  assert(isKept);
});
