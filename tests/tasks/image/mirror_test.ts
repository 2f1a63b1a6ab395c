import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async";
import { sha256 } from "../../../lib/base/digest.ts";
import { digestHex } from "../../../lib/base/digest_text.ts";
import { KedgeError, VerificationError } from "../../../lib/base/errors.ts";
import { lookAt } from "../../../lib/base/files.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { syncImage, type SyncImageResult } from "../../../tasks/image/image.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { freePort } from "../../support/free_port.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { attachSignature, randomBytes, writeImage } from "../../support/layout.ts";
import { startNginx } from "../../support/nginx.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { type RunningRegistry, startRegistry } from "../../support/registry.ts";

const layers = [randomBytes(900_000, 1), randomBytes(300_000, 2)];

function pull(
  room: ImageRoom,
  from: string,
  name: string,
  mirrors: string[],
): Promise<SyncImageResult> {
  return syncImage({ from, to: `oci:${room.path(name)}:v1`, mirrors }, {
    cache: new Cache(room.path(`cache of ${name}`)),
    report: (event) => void room.events.push(event),
  });
}

const machines = Array.from({ length: 10 }, (_, machine) => `machine-${machine}`);

/** Pushes an image to a registry twice, one layer changed, and tells which blobs each round of pulls asked of it. */
async function blobsAsked(
  origin: RunningRegistry,
  pullAll: (room: ImageRoom, from: string) => Promise<void>,
): Promise<string[][]> {
  await using room = await ImageRoom.make();
  const from = `docker://${origin.host}/acme/vm:v1`;
  const rounds: string[][] = [];
  for (const changed of [10, 11]) {
    await writeImage(room.path("from"), "v1", {
      layers: [...layers, randomBytes(200_000, changed)],
    });
    const { digest } = await room.sync(`oci:${room.path("from")}:v1`, from);
    await pullAll(room, from);
    for (const machine of machines) {
      assertEquals((await new Layout(room.path(machine)).find("v1"))?.digest, digest);
    }
    const lines = await origin.accesses();
    const asked = lines.filter((line) => /^GET \S+\/blobs\/sha256:/.test(line));
    rounds.push(asked.slice(rounds.flat().length));
  }
  return rounds;
}

realTest("ten machines at once behind one mirror cost the origin each changed blob once", [
  "docker-registry",
  "nginx",
], async () => {
  await using origin = await startRegistry();
  await using mirror = await startNginx({
    root: "/nowhere",
    httpConfig: "proxy_cache_path cache keys_zone=blobs:1m;",
    locationConfig: `proxy_pass ${origin.url};`,
    serverConfig: "proxy_http_version 1.1;",
    locations: `location ~ /blobs/ { proxy_pass ${origin.url}; proxy_cache blobs;
      proxy_cache_valid 200 1h; proxy_cache_lock on; proxy_cache_lock_timeout 60s;
      proxy_cache_lock_age 60s; }`,
  });
  const mirrors = [`${origin.host}=127.0.0.1:${mirror.port}`];
  const [first, second] = await blobsAsked(origin, async (room, from) => {
    await Promise.all(machines.map((machine) => pull(room, from, machine, mirrors)));
  });
  assertEquals([first!.length, new Set(first).size], [4, 4]);
  assertEquals([second!.length, new Set(second).size], [2, 2]);
});

/** Waits until a mirror has all blobs of an image: it passes one on before it kept it. */
async function keptAll(mirror: RunningRegistry, layout: Layout): Promise<void> {
  const { blobs } = (await layout.manifest((await layout.find("v1"))!.digest))!;
  const folder = `${mirror.folder}/docker/registry/v2/repositories/acme/vm/_layers/sha256`;
  for (const { digest } of blobs) {
    while (lookAt(`${folder}/${digestHex(digest)}/link`) === undefined) await delay(10);
  }
}

realTest("ten machines behind docker-registry as a mirror cost the origin what one of them costs", [
  "docker-registry",
], async () => {
  await using origin = await startRegistry();
  await using mirror = await startRegistry({ mirrorOf: origin.url });
  const mirrors = [`${origin.host}=${mirror.host}`];
  const [first, second] = await blobsAsked(origin, async (room, from) => {
    for (const machine of machines) {
      await pull(room, from, machine, mirrors);
      await keptAll(mirror, new Layout(room.path(machine)));
    }
  });
  // It fetches a blob that it lacks once to pass it on and once to keep it, and never again.
  for (const [asked, blobs] of [[first!, 4], [second!, 2]] as const) {
    assertEquals(new Set(asked).size, blobs);
    assert(asked.length <= 2 * blobs, asked.join("\n"));
  }
});

Deno.test("syncImage() reads nothing at the origin that a mirror has", async () => {
  await using room = await ImageRoom.make();
  await using origin = new FakeRegistry();
  await using mirror = new FakeRegistry();
  await writeImage(room.path("from"), "v1", { layers });
  const from = `oci:${room.path("from")}:v1`;
  await room.sync(from, `docker://${origin.host}/a/b:v1`);
  await room.sync(from, `docker://${mirror.host}/hub/a/b:v1`);
  const before = origin.requests.length;
  const there = `docker://${origin.host}/a/b:v1`;
  const { requests } = await pull(room, there, "to", [`${origin.host}=${mirror.host}/hub`]);
  assertEquals([origin.requests.length, requests], [before, 5]);
  assertEquals(await new Layout(room.path("to")).isThere(), true);
});

Deno.test("syncImage() goes on at the origin where a mirror ends, lies, lacks something or is not there", async () => {
  const cases: [string, (mirror: FakeRegistry) => void][] = [
    ["is not let in", (mirror) => mirror.faults.expireToken = 1000],
    ["cuts every body", (mirror) => mirror.faults.cutBody = 1000],
    ["gives wrong bytes", (mirror) => mirror.faults.wrongBlob = 1000],
    ["lacks the blobs", (mirror) => mirror.store.repository("a").blobs.clear()],
    ["lacks the tag", (mirror) => mirror.store.repository("a").tags.clear()],
    ["is busy", (mirror) => mirror.faults.unavailable = 1000],
    ["is no registry", (mirror) => mirror.quirks.add("html")],
  ];
  for (const [what, spoil] of cases) {
    await using room = await ImageRoom.make();
    await using origin = new FakeRegistry();
    await using mirror = new FakeRegistry(
      what === "is not let in" ? { user: { name: "me", password: "secret" } } : {},
    );
    const image = await writeImage(room.path("from"), "v1", { layers });
    const from = `oci:${room.path("from")}:v1`;
    await room.sync(from, `docker://${origin.host}/a:v1`);
    if (what !== "is not let in") await room.sync(from, `docker://${mirror.host}/a:v1`);
    spoil(mirror);
    const there = `docker://${origin.host}/a:v1`;
    const result = await pull(room, there, "to", [`${origin.host}=${mirror.host}`]);
    assertEquals([result.digest, what], [image.digest, what]);
    assertStringIncludes(room.notes.join("\n"), /wrong/.test(what) ? "elsewhere" : "next place");
  }
});

Deno.test("syncImage() takes along what is attached at the origin where a mirror has the image alone", async () => {
  await using room = await ImageRoom.make();
  await using origin = new FakeRegistry();
  const layout = new Layout(room.path("from"));
  const image = await writeImage(layout.folder, "v1", { layers });
  const signature = await attachSignature(layout, image);
  const [from, to] = [`oci:${layout.folder}:v1`, `docker://${origin.host}/acme/vm:v1`];
  await room.sync(from, to, { referrers: true });
  for (const quirks of [[], ["no-referrers"]] as const) {
    await using mirror = new FakeRegistry({ quirks });
    await room.sync(from, `docker://${mirror.host}/acme/vm:v1`);
    const there = room.path(`pulled-${quirks.length}`);
    const mirrors = [`${origin.host}=${mirror.host}`];
    await room.sync(to, `oci:${there}:v1`, { mirrors, referrers: true });
    assertEquals(await new Layout(there).has(signature), true);
    // Where the mirror has it too, the origin is not asked.
    await room.sync(from, `docker://${mirror.host}/acme/vm:v1`, { referrers: true });
    origin.requests.length = 0;
    await room.sync(to, `oci:${there}-again:v1`, { mirrors, referrers: true });
    assertEquals(await new Layout(`${there}-again`).has(signature), true);
    const asked = origin.requests.map(({ path }) => path);
    assertEquals(asked.filter((path) => path.endsWith(`/${image.digest}`)), []);
    assertEquals(asked.filter((path) => path.endsWith(`manifests/${signature.digest}`)), []);
  }
});

Deno.test("syncImage() plans what a mirror costs that lacks an image, or a part of it", async () => {
  const noTag = (mirror: FakeRegistry) => mirror.store.repository("a").tags.clear();
  const noLayer = (mirror: FakeRegistry) =>
    mirror.store.repository("a").blobs.delete(sha256(layers[0]!));
  // A mirror that lacks the name is asked for each blob by a HEAD before: how many the mirror then gives, and how many the origin.
  const cases: [string, (mirror: FakeRegistry) => void, number[]][] = [
    ["has all", () => {}, [5, 3, 0]],
    ["lacks the tag", noTag, [9, 3, 0]],
    ["lacks the tag and a layer", (mirror) => (noTag(mirror), noLayer(mirror)), [9, 2, 1]],
    ["lacks all", (mirror) => mirror.store.repositories.clear(), [9, 0, 3]],
    ["is for digests alone", () => {}, [8, 3, 0]],
    ["is for digests alone and lacks a layer", noLayer, [8, 2, 1]],
    ["is for tags alone", () => {}, [5, 3, 0]],
    ["is for tags alone and lacks the tag", noTag, [9, 3, 0]],
  ];
  for (const [what, spoil, expected] of cases) {
    await using room = await ImageRoom.make();
    await using origin = new FakeRegistry();
    await using mirror = new FakeRegistry();
    await writeImage(room.path("from"), "v1", { layers });
    const from = `oci:${room.path("from")}:v1`;
    for (const registry of [origin, mirror]) {
      await room.sync(from, `docker://${registry.host}/a:v1`);
    }
    spoil(mirror);
    const registriesConf = room.path("registries.conf");
    const use = /digests/.test(what) ? "digest-only" : /for tags/.test(what) ? "tag-only" : "all";
    await Deno.writeTextFile(
      registriesConf,
      `[[registry]]\nlocation = "${origin.host}"\ninsecure = true\n[[registry.mirror]]\n` +
        `location = "${mirror.host}"\ninsecure = true\npull-from-mirror = "${use}"\n`,
    );
    const there = `docker://${origin.host}/a:v1`;
    const { requests } = await room.sync(there, `oci:${room.path("to")}:v1`, { registriesConf });
    assertEquals([requests, blobsGiven(mirror), blobsGiven(origin)], expected, what);
  }
});

Deno.test("syncImage() asks a mirror that is for tags alone for nothing of an image that is named by its digest", async () => {
  await using room = await ImageRoom.make();
  await using origin = new FakeRegistry();
  await using mirror = new FakeRegistry();
  const { digest } = await writeImage(room.path("from"), "v1", { layers });
  const from = `oci:${room.path("from")}:v1`;
  await room.sync(from, `docker://${origin.host}/a:v1`);
  const registriesConf = room.path("registries.conf");
  await Deno.writeTextFile(
    registriesConf,
    `[[registry]]\nlocation = "${origin.host}"\n[[registry.mirror]]\n` +
      `location = "${mirror.host}"\npull-from-mirror = "tag-only"\n`,
  );
  const there = `docker://${origin.host}/a@${digest}`;
  await room.sync(there, `oci:${room.path("to")}:v1`, { registriesConf });
  assertEquals(mirror.requests, []);
});

function blobsGiven({ requests }: FakeRegistry): number {
  const given = requests.filter(({ method, path }) => method === "GET" && /blobs/.test(path));
  return given.filter(({ status }) => status === 200).length;
}

Deno.test("syncImage() goes on at the origin in the middle of a large blob", async () => {
  await using room = await ImageRoom.make();
  await using origin = new FakeRegistry();
  await using mirror = new FakeRegistry();
  await writeImage(room.path("from"), "v1", { layers: [randomBytes(70 * 1024 * 1024)] });
  const there = `docker://${origin.host}/a:v1`;
  await syncImage({ from: `oci:${room.path("from")}:v1`, to: there }, {
    cache: new Cache(room.path("cache")),
  });
  mirror.store.repositories.set("a", origin.store.repository("a"));
  for (const [digest, bytes] of origin.store.blobs) mirror.store.blobs.set(digest, bytes);
  const before = origin.requests.length;
  mirror.faults.lastRanges = 3;
  await pull(room, there, "to", [`${origin.host}=${mirror.host}`]);
  const asked = origin.requests.slice(before).filter(({ path }) => path.includes("/blobs/"));
  assert(asked.length > 0);
  assert(asked.every(({ range }) => range !== null && !range.startsWith("bytes=0-")));
});

Deno.test("syncImage() reads a large blob whose bytes are wrong once in each place", async () => {
  await using room = await ImageRoom.make();
  await using origin = new FakeRegistry();
  await using mirror = new FakeRegistry();
  const layer = randomBytes(70 * 1024 * 1024);
  await writeImage(room.path("from"), "v1", { layers: [layer] });
  const there = `docker://${origin.host}/a:v1`;
  await syncImage({ from: `oci:${room.path("from")}:v1`, to: there }, {
    cache: new Cache(room.path("cache")),
  });
  origin.store.blobs.set(sha256(layer), layer.with(5_000_000, layer[5_000_000]! ^ 1));
  mirror.store.repositories.set("a", origin.store.repository("a"));
  for (const [digest, bytes] of origin.store.blobs) mirror.store.blobs.set(digest, bytes);
  await assertRejects(
    () => pull(room, there, "to", [`${origin.host}=${mirror.host}`]),
    VerificationError,
  );
  const shares = [mirror.sentBytes, origin.sentBytes].map((bytes) => bytes / layer.length);
  assert(shares.every((share) => share > 0.9 && share < 1.1), `they sent ${shares.join(" and ")}`);
});

Deno.test("syncImage() tells the origin's failure when all places fail", async () => {
  await using room = await ImageRoom.make();
  await using origin = new FakeRegistry();
  const there = `docker://${origin.host}/a:v1`;
  const gone = `127.0.0.1:${await freePort()}`;
  const error = await assertRejects(
    () => pull(room, there, "to", [`${origin.host}=${gone}`]),
    KedgeError,
    `Cannot find "${there}"`,
  );
  assertEquals(error.side, "source");
  assertStringIncludes(room.notes.join("\n"), gone);
});

Deno.test("image:sync reads mirrors of --mirror, --registries-conf and CONTAINERS_REGISTRIES_CONF", async () => {
  await using room = await ImageRoom.make();
  await using mirror = new FakeRegistry();
  await writeImage(room.path("from"), "v1", { layers });
  await room.sync(`oci:${room.path("from")}:v1`, `docker://${mirror.host}/a:v1`);
  const file = room.path("registries.conf");
  await Deno.writeTextFile(
    file,
    `[[registry]]\nlocation = "nowhere.invalid"\n[[registry.mirror]]\nlocation = "${mirror.host}"\n`,
  );
  const ways: [string[], Record<string, string>][] = [
    [["--mirror", `nowhere.invalid=${mirror.host}`], {}],
    [["--registries-conf", file], {}],
    [[], { CONTAINERS_REGISTRIES_CONF: file }],
  ];
  for (const [at, [flags, env]] of ways.entries()) {
    const { code, stderr } = await runKedge(
      ["image:sync", "docker://nowhere.invalid/a:v1", `oci:${room.path(`to-${at}`)}`, ...flags],
      { cacheDir: room.path(`cache-of-way-${at}`), env },
    );
    assertEquals(code, 0, stderr);
  }
});
