import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import { syncImage, type SyncImageResult } from "../../../tasks/image/image.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { blobsOf, randomBytes, writeImage } from "../../support/layout.ts";
import { realTest } from "../../support/real.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { startRegistry } from "../../support/registry.ts";

function figures(result: SyncImageResult): unknown[] {
  return [result.changed, result.bytesMoved, result.bytesReused, result.requests];
}

const layers = [randomBytes(900_000, 1), randomBytes(10_000, 2), randomBytes(300_000, 3)];
const amd64 = { layers };

realTest("syncImage() brings an image to a registry and back, and moves nothing the second time", [
  "docker-registry",
], async () => {
  await using room = await ImageRoom.make();
  await using registry = await startRegistry();
  const image = await writeImage(room.path("from"), "v1", amd64);
  const there = `docker://${registry.host}/acme/vm:v1`;
  const first = await room.sync(`oci:${room.path("from")}:v1`, there);
  assertEquals(first.reference, `${there}@${image.digest}`);
  assertEquals(first.bytesReused, 0);
  const again = await room.sync(`oci:${room.path("from")}:v1`, there);
  assertEquals(figures(again), [false, 0, first.bytesMoved, 1]);
  assertEquals(again.why, `${there} points to sha256:${image.digest.slice(7, 19)} already`);

  const back = `oci:${room.path("back")}:v1`;
  assertEquals(figures(await room.sync(there, back)), [true, first.bytesMoved, 0, 6]);
  assertEquals(figures(await room.sync(there, back)), [false, 0, first.bytesMoved, 1]);
  assertEquals(await blobsOf(room.path("back")), await blobsOf(room.path("from")));
  const other = `oci:${room.path("back")}:v2`;
  assertEquals(
    (await room.sync(there, other)).why,
    `all 4 blobs of sha256:${
      image.digest.slice(7, 19)
    } are there, and ${other} does not point to it yet`,
  );
});

realTest("syncImage() moves only the layer that changed", ["docker-registry"], async () => {
  await using room = await ImageRoom.make();
  await using registry = await startRegistry();
  const from = `oci:${room.path("from")}:latest`;
  const there = `docker://${registry.host}/acme/vm`;
  const to = `oci:${room.path("to")}:latest`;
  await writeImage(room.path("from"), "latest", amd64);
  await room.sync(from, there);
  await room.sync(there, to);
  const changed = randomBytes(10_000, 99);
  await writeImage(room.path("from"), "latest", { layers: [layers[0]!, changed, layers[2]!] });
  for (const result of [await room.sync(from, there), await room.sync(there, to)]) {
    assertEquals(result.bytesReused, 1_200_000);
    assert(result.bytesMoved > 10_000 && result.bytesMoved < 12_000, `${result.bytesMoved}`);
    assertStringIncludes(result.why, "lacks 2 of 4 blobs");
  }
});

realTest("syncImage() mounts within a registry and streams between two", [
  "docker-registry",
], async () => {
  await using room = await ImageRoom.make();
  await using one = await startRegistry();
  await using other = await startRegistry();
  const image = await writeImage(room.path("from"), "v1", amd64);
  const start = `docker://${one.host}/a:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, start);
  const mounted = await room.sync(start, `docker://${one.host}/b/c:v1`);
  assertEquals([mounted.digest, mounted.bytesMoved], [image.digest, image.size]);
  assertEquals((await one.accesses()).filter((line) => line.startsWith("POST /v2/b/c/")).length, 4);
  const streamed = await room.sync(start, `docker://${other.host}/d:v1`);
  assertEquals([streamed.digest, streamed.bytesReused], [image.digest, 0]);
  const asked = async () => [await one.accesses(), await other.accesses()].map((all) => all.length);
  const [before = 0, there = 0] = await asked();
  const unchanged = await room.sync(start, `docker://${other.host}/d:v1`);
  assertEquals(figures(unchanged), [false, 0, image.size, 2]);
  // A dry run and the run: one request for each of them on each side.
  const twice = (request: string) => [request, request];
  assertEquals((await one.accesses()).slice(before), twice("GET /v2/a/manifests/v1 304"));
  assertEquals((await other.accesses()).slice(there), twice("HEAD /v2/d/manifests/v1 200"));
});

Deno.test("syncImage() plans a mount exactly once the registry granted one, and as a bound before", async () => {
  await using room = await ImageRoom.make({ oneMachine: true });
  await using registry = new FakeRegistry();
  const place = (name: string) => `docker://${registry.host}/${name}`;
  const exact = async (from: string, to: string) => {
    const before = room.events.length;
    const { bytesMoved } = await room.sync(place(from), place(to));
    const plans = room.events.slice(before).flatMap((each) => each.type === "plan" ? [each] : []);
    return [plans.every((each) => each.exact), bytesMoved < 10_000];
  };
  for (const seed of [1, 2, 3, 4]) {
    await writeImage(room.path("from"), `v${seed}`, { layers: [randomBytes(50_000, seed)] });
    await room.sync(`oci:${room.path("from")}:v${seed}`, place(`a:v${seed}`));
  }
  await Deno.remove(room.path("from"), { recursive: true });
  assertEquals(await exact("a:v1", "b:v1"), [false, true]);
  assertEquals(await exact("a:v2", "b:v2"), [true, true]);
  registry.quirks.add("no-mount");
  assertEquals(await exact("a:v3", "c:v3"), [false, false]);
  assertEquals(await exact("a:v4", "c:v4"), [false, false]);
  registry.quirks.add("mount-refused");
  assertEquals(await exact("a:v4", "d:v4"), [false, false]);
});

Deno.test("syncImage() moves the tag of a destination that names the digest too", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const { digest } = await writeImage(room.path("from"), "v1", amd64);
  for (const to of [`docker://${registry.host}/a:v2`, `oci:${room.path("to")}:v2`]) {
    const { reference } = await room.sync(`oci:${room.path("from")}:v1`, `${to}@${digest}`);
    assertEquals(reference, `${to}@${digest}`);
    assertEquals((await room.sync(`oci:${room.path("from")}:v1`, to)).changed, false);
  }
});

Deno.test("syncImage() keeps several tags in one layout and shares their blobs", async () => {
  await using room = await ImageRoom.make();
  await writeImage(room.path("from"), "a", amd64);
  await writeImage(room.path("from"), "b", { layers: [...layers, "more"] });
  const to = room.path("to");
  await room.sync(`oci:${room.path("from")}:a`, `oci:${to}:a`);
  const second = await room.sync(`oci:${room.path("from")}:b`, `oci:${to}:b`);
  assertEquals(second.bytesReused, 1_210_000);
  assertEquals((await blobsOf(to)).length, 3 + 1 + 2 + 2);
});

Deno.test("syncImage() writes again what is damaged in size or gone from a layout", async () => {
  await using room = await ImageRoom.make();
  await writeImage(room.path("from"), "a", amd64);
  const to = `oci:${room.path("to")}:a`;
  await room.sync(`oci:${room.path("from")}:a`, to);
  const layout = new Layout(room.path("to"));
  await Deno.remove(layout.blobPath(sha256(layers[0]!)));
  await Deno.truncate(layout.blobPath(sha256(layers[1]!)), 5);
  const result = await room.sync(`oci:${room.path("from")}:a`, to);
  assertEquals([result.changed, result.bytesMoved], [true, 910_000]);
  assertEquals(await blobsOf(room.path("to")), await blobsOf(room.path("from")));
});

Deno.test("syncImage() goes on after cut bodies, lost uploads, 429 and 503", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const image = await writeImage(room.path("from"), "v1", amd64);
  const there = `docker://${registry.host}/a:v1`;
  Object.assign(registry.faults, { loseUpload: 1, unavailable: 1, tooMany: 2 });
  await syncImage({ from: `oci:${room.path("from")}:v1`, to: there }, room.context);
  Object.assign(registry.faults, { cutBody: 3, unavailable: 1, tooMany: 1 });
  await syncImage({ from: there, to: `oci:${room.path("to")}:v1` }, room.context);
  assertEquals((await new Layout(room.path("to")).find("v1"))?.digest, image.digest);
});

Deno.test("syncImage() pins the digest of a tag that moves meanwhile, and says so", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const first = await writeImage(room.path("from"), "v1", amd64);
  const there = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, there);
  const { manifests, tags } = registry.store.repository("a");
  const bytes = new TextEncoder().encode(
    `${new TextDecoder().decode(manifests.get(first.digest)!.bytes)} `,
  );
  const context = {
    cache: new Cache(room.path("cache")),
    report: (event: OperationEvent) => {
      room.events.push(event);
      if (event.type !== "phase-start" || event.phase !== "move") return;
      tags.set("v1", registry.store.putManifest("a", { mediaType: MediaType.ociManifest, bytes }));
    },
  };
  const result = await syncImage({ from: there, to: `oci:${room.path("to")}:v1` }, context);
  assertEquals(result.digest, first.digest);
  assertStringIncludes(room.notes.join("\n"), `moved to ${sha256(bytes)} meanwhile`);
});
