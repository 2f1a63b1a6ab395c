/** What is read of mirrors, and what of the origin. */
import { assertEquals } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { attachSignature, writeImage } from "../../support/layout.ts";
import { runKedge } from "../../support/program.ts";
import { layers, pull } from "../../support/mirror_pull.ts";

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
