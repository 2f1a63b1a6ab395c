import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { sha256 } from "../../lib/base/digest.ts";
import {
  KedgeError,
  NotAllowedError,
  UnreachableError,
  UsageError,
  VerificationError,
} from "../../lib/base/errors.ts";
import { runProcess } from "../../lib/base/process_group.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { Layout } from "../../lib/oci/layout.ts";
import { MediaType } from "../../lib/oci/media_type.ts";
import type { OperationEvent } from "../../lib/operation/event.ts";
import { syncImage, type SyncImageOptions, type SyncImageResult } from "../../tasks/image.ts";
import { FakeRegistry } from "../support/fake_registry.ts";
import { blobsOf, putContent, randomBytes, writeImage, writeIndex } from "../support/layout.ts";
import { runKedge, spawnKedge } from "../support/program.ts";
import { realTest } from "../support/real.ts";
import { writeRunnableImage } from "../support/runnable_image.ts";
import { ImageRoom } from "../support/image_room.ts";
import { startRegistry } from "../support/registry.ts";

function figures(result: SyncImageResult): unknown[] {
  return [result.changed, result.bytesMoved, result.bytesReused, result.requests];
}

async function skopeo(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProcess("skopeo", { args });
  assertEquals(code, 0, stderr);
  return stdout;
}

const layers = [randomBytes(900_000, 1), randomBytes(10_000, 2), randomBytes(300_000, 3)];
const amd64 = { layers };
const arm64 = {
  layers: [randomBytes(200_000, 4)],
  platform: { os: "linux", architecture: "arm64" },
};

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
  // A dry run and the run: one HEAD for each of them on each side.
  const head = (
    path: string,
  ) => [`HEAD /v2/${path}/manifests/v1 200`, `HEAD /v2/${path}/manifests/v1 200`];
  assertEquals((await one.accesses()).slice(before), head("a"));
  assertEquals((await other.accesses()).slice(there), head("d"));
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
});

realTest("syncImage() and skopeo read what the other wrote, digests equal", [
  "docker-registry",
  "skopeo",
], async () => {
  await using room = await ImageRoom.make();
  await using registry = await startRegistry();
  const zipped = async (bytes: Uint8Array<ArrayBuffer>) =>
    new Uint8Array(
      await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip")))
        .arrayBuffer(),
    );
  const armLayer = await zipped(arm64.layers[0]!);
  const image = await writeIndex(room.path("from"), "v1", [
    { layers: await Promise.all(layers.map(zipped)) },
    { ...arm64, layers: [armLayer] },
  ]);
  const ours = `docker://${registry.host}/ours:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, ours, { allPlatforms: true });
  const raw = await skopeo("inspect", "--raw", "--tls-verify=false", ours);
  assertEquals(sha256(raw), image.digest);
  const copied = `oci:${room.path("skopeo")}:v1`;
  await skopeo("copy", "-q", "--all", "--src-tls-verify=false", ours, copied);
  const index = await new Layout(room.path("skopeo")).find("v1");
  assertEquals(index?.digest, image.digest);

  const theirs = `docker://${registry.host}/theirs:v1`;
  await skopeo("copy", "-q", "--all", "--dest-tls-verify=false", copied, theirs);
  const back = `oci:${room.path("back")}:v1`;
  const result = await room.sync(theirs, back, { allPlatforms: true });
  assertEquals(result.digest, image.digest);
  const inspected = JSON.parse(await skopeo("inspect", "--override-arch=arm64", back));
  assertEquals([inspected.Architecture, inspected.Layers], ["arm64", [sha256(armLayer)]]);
});

realTest(
  "syncImage() keeps a manifest of Docker's as it is, and says who does not read it in a layout",
  [
    "docker-registry",
    "skopeo",
  ],
  async () => {
    await using room = await ImageRoom.make();
    await using registry = await startRegistry();
    await writeRunnableImage(room.path("from"), "v1", [{ name: "file", bytes: layers[1]! }]);
    const theirs = `docker://${registry.host}/theirs:v1`;
    const from = `oci:${room.path("from")}:v1`;
    await skopeo("copy", "-q", "--dest-tls-verify=false", "--format=v2s2", from, theirs);
    const raw = await skopeo("inspect", "--raw", "--tls-verify=false", theirs);
    const kept = `oci:${room.path("kept")}:v1`;
    const { digest, mediaType } = await room.sync(theirs, kept);
    assertEquals([digest, mediaType], [sha256(raw), MediaType.dockerManifest]);
    const remarks = () => room.notes.filter((note) => note.startsWith(`${kept} gets a manifest`));
    assertEquals(remarks().length, 2, "the dry run and the run say it");
    await room.sync(theirs, kept);
    assertEquals(remarks().length, 2, "what is unchanged is no news");
    const { code } = await runProcess("skopeo", { args: ["inspect", kept] });
    assertEquals(code === 0, false);
    const ours = `docker://${registry.host}/ours:v1`;
    assertEquals((await room.sync(kept, ours)).digest, digest);
    assertEquals(sha256(await skopeo("inspect", "--raw", "--tls-verify=false", ours)), digest);
  },
);

realTest("syncImage() writes a layout that umoci reads", ["umoci"], async () => {
  await using room = await ImageRoom.make();
  await writeImage(room.path("from"), "v1", amd64);
  await room.sync(`oci:${room.path("from")}:v1`, `oci:${room.path("to")}:v2`);
  const { code, stdout } = await runProcess("umoci", {
    args: ["ls", "--layout", room.path("to")],
  });
  assertEquals([code, stdout], [0, "v2\n"]);
});

realTest("syncImage() logs in by htpasswd, and says what it lacks", [
  "docker-registry",
  "htpasswd",
], async () => {
  await using room = await ImageRoom.make();
  await using registry = await startRegistry({ htpasswd: { user: "me", password: "secret-pass" } });
  await writeImage(room.path("from"), "v1", { layers: ["x"] });
  const from = `oci:${room.path("from")}:v1`;
  const to = `docker://${registry.host}/a:v1`;
  const run = (auths: Record<string, unknown>) =>
    runKedge(["image:sync", from, to, "--json"], {
      cacheDir: room.path("cache"),
      env: { DOCKER_AUTH_CONFIG: JSON.stringify({ auths }), HOME: room.folder },
    });
  const auth = (password: string) => ({ [registry.host]: { auth: btoa(`me:${password}`) } });
  const refused = await run(auth("wrong-pass"));
  assertEquals(refused.code, 5);
  assertStringIncludes(refused.stdout, "the registry answered 401");
  assertEquals((await run({})).code, 5);
  const done = await run(auth("secret-pass"));
  assertEquals(done.code, 0, done.stderr);
  assertEquals((done.stdout + done.stderr).includes("secret-pass"), false);
});

Deno.test("syncImage() takes this machine's platform of an index, or those that are named", async () => {
  await using room = await ImageRoom.make();
  const machine = { os: "linux", architecture: Deno.build.arch === "x86_64" ? "amd64" : "arm64" };
  const images = [
    { ...amd64, platform: machine },
    { layers: ["r"], platform: { os: "linux", architecture: "riscv64" } },
    { layers: ["6"], platform: { os: "linux", architecture: "arm", variant: "v6" } },
    { layers: ["7"], platform: { os: "linux", architecture: "arm", variant: "v7" } },
  ];
  const index = await writeIndex(room.path("from"), "v1", images);
  const { manifests } = JSON.parse(
    await Deno.readTextFile(new Layout(room.path("from")).blobPath(index.digest)),
  );
  const from = `oci:${room.path("from")}:v1`;
  const digestOf = async (name: string, platforms?: string[]) =>
    (await room.sync(from, `oci:${room.path(name)}:v1`, { platforms })).digest;
  assertEquals(await digestOf("default"), manifests[0].digest);
  assertEquals(await digestOf("riscv", ["linux/riscv64"]), manifests[1].digest);
  assertEquals(await digestOf("v7", ["linux/arm/v7"]), manifests[3].digest);
  const two = await room.sync(from, `oci:${room.path("two")}:v1`, {
    platforms: ["linux/arm/v6", "linux/riscv64"],
  });
  assertEquals(two.mediaType, MediaType.ociIndex);
  const narrowed = await new Layout(room.path("two")).manifest(two.digest as typeof index.digest);
  assertEquals(narrowed?.manifests.map(({ digest }) => digest), [
    manifests[1].digest,
    manifests[2].digest,
  ]);
  const error = await assertRejects(
    () => room.sync(from, `oci:${room.path("none")}:v1`, { platforms: ["windows/amd64"] }),
    KedgeError,
    "for windows/amd64: the index has no such image",
  );
  assertStringIncludes(error.hint ?? "", "linux/arm/v7");
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

Deno.test("syncImage() refuses a wrong blob with 3, and nothing of it stays", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  await writeImage(room.path("from"), "v1", amd64);
  const there = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, there);
  registry.faults.wrongBlob = 1;
  const error = await assertRejects(
    () => syncImage({ from: there, to: `oci:${room.path("to")}:v1` }, context(room)),
    VerificationError,
    "its bytes have the digest",
  );
  assertEquals([error.exitCode, error.side], [3, "source"]);
  assertEquals(await new Layout(room.path("to")).isThere(), false);
  for (const digest of await blobsOf(room.path("to"))) {
    const bytes = await Deno.readFile(new Layout(room.path("to")).blobPath(digest));
    assertEquals(sha256(bytes), digest);
  }
});

Deno.test("syncImage() never completes a wrong blob at a registry", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const image = await writeImage(room.path("from"), "v1", amd64);
  const victim = sha256(layers[0]!);
  const path = new Layout(room.path("from")).blobPath(victim);
  const bytes = await Deno.readFile(path);
  bytes[450_000]! ^= 1;
  await Deno.writeFile(path, bytes);
  await assertRejects(
    () =>
      syncImage(
        { from: `oci:${room.path("from")}:v1`, to: `docker://${registry.host}/a:v1` },
        context(room),
      ),
    VerificationError,
  );
  assertEquals(registry.store.blobs.has(victim), false);
  assertEquals(registry.store.repository("a").manifests.has(image.digest), false);
});

Deno.test("syncImage() goes on after cut bodies, lost uploads, 429 and 503", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const image = await writeImage(room.path("from"), "v1", amd64);
  const there = `docker://${registry.host}/a:v1`;
  Object.assign(registry.faults, { loseUpload: 1, unavailable: 1, tooMany: 2 });
  await syncImage({ from: `oci:${room.path("from")}:v1`, to: there }, context(room));
  Object.assign(registry.faults, { cutBody: 3, unavailable: 1, tooMany: 1 });
  await syncImage({ from: there, to: `oci:${room.path("to")}:v1` }, context(room));
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

Deno.test("syncImage() leaves foreign layers where they are", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const from = room.path("from");
  const foreign = {
    mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    digest: sha256("somewhere else"),
    size: 14,
    urls: ["https://layers.example/1"],
  };
  const layer = await putContent(from, "here", MediaType.ociLayerGzip);
  await writeImage(from, "v1", { layers: [], extra: { layers: [foreign, layer] } });
  const there = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${from}:v1`, there);
  assertEquals((await room.sync(there, `oci:${room.path("to")}:v1`)).changed, true);
  assertStringIncludes(room.notes.join("\n"), "is a foreign layer");
});

Deno.test("syncImage() refuses an index that lies of its children or points to itself", async () => {
  await using room = await ImageRoom.make();
  const from = room.path("from");
  const image = await writeImage(from, undefined, amd64);
  const lying = { schemaVersion: 2, manifests: [{ ...image, size: image.size + 1 }] };
  const point = async (value: unknown) =>
    await new Layout(from).point(
      "v1",
      await putContent(from, JSON.stringify(value), MediaType.ociIndex),
    );
  await point(lying);
  const sync = () =>
    room.sync(`oci:${from}:v1`, `oci:${room.path("to")}:v1`, { allPlatforms: true });
  await assertRejects(sync, VerificationError, `its index says ${image.size + 1}`);
  await point({
    schemaVersion: 2,
    manifests: [{ mediaType: MediaType.ociIndex, digest: sha256("me"), size: 2 }],
  });
  await assertRejects(sync, VerificationError, "the layout has no manifest");
  let nested = image;
  for (let depth = 0; depth < 10; depth++) {
    const text = JSON.stringify({ schemaVersion: 2, manifests: [nested] });
    nested = await putContent(from, text, MediaType.ociIndex);
  }
  await new Layout(from).point("v1", nested);
  await assertRejects(sync, VerificationError, "nested more than 8 deep");
});

Deno.test("syncImage() tells a size that lies from a digest that is wrong", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const from = room.path("from");
  const image = await writeImage(from, undefined, amd64);
  const layer = await putContent(from, "abc", MediaType.ociLayerGzip);
  const config = await putContent(from, "{}", MediaType.ociConfig);
  const told: [string, number, string][] = [
    [`oci:${room.path("to")}:v1`, 2, "not the 2 bytes that its manifest says"],
    [`oci:${room.path("to")}:v1`, 4, "not the 4 bytes that its manifest says"],
    [`docker://${registry.host}/a:v1`, 2, "it has 3 bytes, not 2"],
    [`docker://${registry.host}/a:v1`, 4, "it has 3 bytes, not 4"],
  ];
  for (const [to, size, state] of told) {
    await writeRoot({ schemaVersion: 2, config, layers: [{ ...layer, size }] });
    await assertRejects(() => room.sync(`oci:${from}:v1`, to), VerificationError, state);
    await new Layout(from).point("v1", { ...image, size: image.size + 1 });
    await assertRejects(
      () => room.sync(`oci:${from}:v1`, to),
      VerificationError,
      `its index says ${image.size + 1}`,
    );
  }
  assertEquals(await new Layout(room.path("to")).isThere(), false);
  assertEquals([...registry.store.repository("a").tags], []);

  async function writeRoot(manifest: unknown) {
    const root = await putContent(from, JSON.stringify(manifest), MediaType.ociManifest);
    await new Layout(from).point("v1", root);
  }
});

function context(room: ImageRoom) {
  return { cache: new Cache(room.path("cache")) };
}

interface BadCase {
  what: string;
  from?: (room: ImageRoom, registry: FakeRegistry) => string;
  to?: (room: ImageRoom, registry: FakeRegistry) => string;
  options?: Partial<SyncImageOptions>;
  type: abstract new (...args: never[]) => KedgeError;
  exitCode: number;
  message: string;
  hint?: string;
}

const badCases: BadCase[] = [
  {
    what: "a malformed source",
    from: () => "ghcr.io/acme/vm",
    type: UsageError,
    exitCode: 2,
    message: "begins with neither docker:// nor oci:",
  },
  {
    what: "a malformed platform",
    options: { platforms: ["amd64"] },
    type: UsageError,
    exitCode: 2,
    message: 'Cannot read the platform "amd64"',
  },
  {
    what: "a concurrency of none",
    options: { concurrency: 0 },
    type: UsageError,
    exitCode: 2,
    message: "Cannot use the concurrency 0",
  },
  {
    what: "platforms and all platforms",
    options: { platforms: ["linux/amd64"], allPlatforms: true },
    type: UsageError,
    exitCode: 2,
    message: "together with platforms",
  },
  {
    what: "a tag that the registry does not have",
    from: (_room, registry) => `docker://${registry.host}/a:v1.0.1`,
    type: KedgeError,
    exitCode: 1,
    message: "the registry has no such tag",
    hint: "the nearest tags are v1.0.0, v2, latest",
  },
  {
    what: "a tag that the layout does not have",
    from: (room) => `oci:${room.path("from")}:v1x`,
    type: KedgeError,
    exitCode: 1,
    message: "the layout has no such tag",
    hint: "the nearest tags are v1",
  },
  {
    what: "a source folder that is not there",
    from: (room) => `oci:${room.path("nowhere")}:v1`,
    type: KedgeError,
    exitCode: 1,
    message: "there is no layout in that folder",
  },
  {
    what: "a destination folder that is no layout",
    to: (room) => `oci:${room.path("full")}:v1`,
    type: KedgeError,
    exitCode: 1,
    message: 'it holds "notes.txt" and no oci-layout',
    hint: "name a folder that is a layout, is empty, or is not there yet",
  },
  {
    what: "a web page",
    from: (_room, registry) => {
      registry.quirks.add("html");
      return `docker://${registry.host}/a:v1.0.0`;
    },
    type: VerificationError,
    exitCode: 3,
    message: "HTML page",
    hint: "is this the address of a registry?",
  },
  {
    what: "a destination pinned to another digest",
    to: (room) => `oci:${room.path("to")}:v1@${sha256("other")}`,
    type: VerificationError,
    exitCode: 3,
    message: "the image has the digest",
  },
];

for (const { what, from, to, options, type, exitCode, message, hint } of badCases) {
  Deno.test(`syncImage() refuses ${what}`, async () => {
    await using room = await ImageRoom.make();
    await using registry = new FakeRegistry();
    await writeImage(room.path("from"), "v1", { layers: ["x"] });
    await Deno.mkdir(room.path("full"));
    await Deno.writeTextFile(room.path("full/notes.txt"), "mine");
    for (const tag of ["v1.0.0", "latest", "v2"]) registry.store.repository("a").tags.set(tag, "");
    const error = await assertRejects(
      () =>
        syncImage({
          from: from?.(room, registry) ?? `oci:${room.path("from")}:v1`,
          to: to?.(room, registry) ?? `oci:${room.path("to")}:v1`,
          ...options,
        }, context(room)),
      type,
      message,
    );
    assertEquals(error.exitCode, exitCode);
    if (hint !== undefined) assertEquals(error.hint, hint);
    assertEquals(
      await Array.fromAsync(Deno.readDir(room.path("full"))).then((all) => all.length),
      1,
    );
    await assertRejects(() => Deno.stat(room.path("to")), Deno.errors.NotFound);
  });
}

Deno.test("syncImage() gives up with 4 on a registry that is not there, and says where", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ faults: { unavailable: 1000 } });
  const error = await assertRejects(
    () =>
      syncImage(
        { from: `docker://${registry.host}/a:v1`, to: `oci:${room.path("to")}:v1` },
        context(room),
      ),
    UnreachableError,
    registry.host,
  );
  assertEquals([error.exitCode, error.side], [4, "source"]);
});

Deno.test("syncImage() asks a registry that refuses nothing twice", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ user: { name: "nobody", password: "else" } });
  const error = await assertRejects(
    () =>
      syncImage(
        { from: `docker://${registry.host}/a:v1`, to: `oci:${room.path("to")}:v1` },
        context(room),
      ),
    NotAllowedError,
  );
  assertEquals([error.exitCode, registry.requests.length], [5, 1]);
});

Deno.test("image:sync prints the pinned reference, and leaves no trace in a dry run", async () => {
  await using room = await ImageRoom.make();
  const image = await writeImage(room.path("from"), "v1", amd64);
  const to = `oci:${room.path("to")}:v1`;
  const args = ["image:sync", `oci:${room.path("from")}:v1`, to];
  const cacheDir = room.path("cache");
  assertEquals((await runKedge([...args, "--dry-run"], { cacheDir })).code, 0);
  await assertRejects(() => Deno.stat(room.path("to")), Deno.errors.NotFound);
  const { code, stdout, stderr } = await runKedge(args, { cacheDir });
  assertEquals([code, stdout], [0, `${to}@${image.digest}\n`], stderr);
});

Deno.test("image:sync ends well after kill -9 at any instant, and shows no part of a blob meanwhile", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ latencyMs: 15 });
  const contents = Array.from({ length: 12 }, (_, seed) => randomBytes(400_000, seed + 10));
  const image = await writeImage(room.path("from"), "v1", { layers: contents });
  const there = `docker://${registry.host}/a:v1`;
  const ways = [[`oci:${room.path("from")}:v1`, there], [there, `oci:${room.path("to")}:v1`]];
  for (const [from, to] of ways) {
    const args = ["image:sync", from!, to!, "--concurrency=2"];
    for (const afterMs of [250, 400, 550]) {
      const child = spawnKedge(args, { cacheDir: room.path("cache") });
      const timer = setTimeout(() => child.kill("SIGKILL"), afterMs);
      await child.output();
      clearTimeout(timer);
      for (const folder of ["to", "from"]) {
        const digests = await blobsOf(room.path(folder)).catch(() => []);
        for (const digest of digests) {
          const path = new Layout(room.path(folder)).blobPath(digest);
          assertEquals(sha256(await Deno.readFile(path)), digest);
        }
      }
    }
    const { code, stderr } = await runKedge(args, { cacheDir: room.path("cache") });
    assertEquals(code, 0, stderr);
  }
  assertEquals(registry.store.repository("a").tags.get("v1"), image.digest);
  assertEquals(await blobsOf(room.path("to")), await blobsOf(room.path("from")));
});
