import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { digestHex } from "../../../lib/base/digest_text.ts";
import {
  KedgeError,
  NoRoomError,
  UsageError,
  VerificationError,
} from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout, nameOf } from "../../../lib/oci/layout/layout.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { referrersTag } from "../../../lib/oci/referrers.ts";
import {
  syncImages,
  type SyncImagesOptions,
  type SyncImagesResult,
} from "../../../tasks/image/list.ts";
import { inspectImage } from "../../../tasks/image/inspect.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { inFolder } from "../../support/in_folder.ts";
import {
  attachSignature,
  blobsOf,
  randomBytes,
  writeImage,
  writeIndex,
} from "../../support/layout.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

/** A dry run, then the run; the figures of both must be the same. */
async function sync(cacheDir: string, options: SyncImagesOptions): Promise<SyncImagesResult> {
  const cache = new Cache(cacheDir);
  const planned = await syncImages(options, { cache, dryRun: true });
  const done = await syncImages(options, { cache });
  assertEquals({ ...planned, dryRun: false }, done);
  return done;
}

const shared = randomBytes(300_000);

Deno.test("syncImages() brings what goes to one place by several names there once, as it plans", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  await writeImage(room.path("from"), "v1", { layers: [randomBytes(400_000), "x"] });
  await Deno.mkdir(room.path("there"));
  await Deno.symlink(room.path("there"), room.path("link"));
  const [, port] = registry.host.split(":");
  const image = `docker://${registry.host}/a:v1`;
  await room.sync(`oci:${room.path("from")}:v1`, image);
  const layouts = ["there", "link", "./there", "link/../there", "new", "link/../new"];
  const repositories = ["localhost", "LOCALHOST"].map((host) => `docker://${host}:${port}/b`);
  const places = [...layouts.map((name) => `oci:${room.folder}/${name}`), ...repositories];
  const to = places.map((place, at) => `${place}:v${at}`);
  const { bytesMoved, images } = await room.syncAll({ images: [{ from: image, to }] });
  assertEquals(images.length, to.length);
  const { size } = await inspectImage({ image });
  const manifest = images.length * (await new Layout(room.path("from")).entries())[0]!.size;
  assert(bytesMoved <= 3 * size + manifest, `${bytesMoved} of ${size}`);
  // Two images cannot have one name there.
  await writeImage(room.path("from"), "v2", { layers: ["y"] });
  const twice = ["there", "link"].map((name, at) => ({
    from: `oci:${room.path("from")}:v${at + 1}`,
    to: `oci:${room.path(name)}:same`,
  }));
  await assertRejects(() => syncImages({ images: twice }, room.context), UsageError, "to go there");
});

Deno.test("syncImages() chooses tags by a regular expression that the whole tag matches", () =>
  inFolder(async (folder) => {
    for (const tag of ["v1", "v2", "v2-rc1", "latest"]) {
      await writeImage(`${folder}/from`, tag, { layers: [shared, tag] });
    }
    const result = await sync(`${folder}/cache`, {
      images: [{ from: `oci:${folder}/from`, to: `oci:${folder}/to`, tags: "v[0-9]" }],
    });
    assertEquals((await new Layout(`${folder}/to`).entries()).map(nameOf).sort(), ["v1", "v2"]);
    assertEquals(result.images.map(({ changed }) => changed), [true, true]);
  }));

Deno.test("syncImages() copies a list of referrers among the tags of a repository whole", () =>
  inFolder(async (folder) => {
    const [from, to] = [new Layout(`${folder}/from`), new Layout(`${folder}/to`)];
    const image = await writeIndex(from.folder, "v1", [{ layers: [shared] }]);
    const signature = await attachSignature(from, image);
    await sync(`${folder}/cache`, {
      images: [{ from: `oci:${from.folder}`, to: `oci:${to.folder}`, tags: ".*" }],
    });
    const list = referrersTag(image.digest);
    assertEquals((await to.find(list))?.digest, (await from.find(list))?.digest);
    assertEquals(await to.has(signature), true);
    assertEquals((await to.entries()).map(nameOf).sort(), [list, "v1"]);
  }));

Deno.test("syncImages() chooses tags by a range of versions", () =>
  inFolder(async (folder) => {
    await using registry = new FakeRegistry({ tagsPerPage: 2 });
    for (const tag of ["v1.2.0", "1.3.5", "v2.0.0", "latest", "nightly"]) {
      await writeImage(`${folder}/from`, tag, { layers: [shared, tag] });
    }
    const there = `docker://${registry.host}/a`;
    await sync(`${folder}/other`, {
      images: [{ from: `oci:${folder}/from`, to: there, tags: ".*" }],
    });
    const result = await sync(`${folder}/cache`, {
      images: [{ from: there, to: `oci:${folder}/to`, tags: "semver:>=1.2 <2" }],
    });
    assertEquals(result.images.map(({ from }) => from), [`${there}:1.3.5`, `${there}:v1.2.0`]);
    registry.requests.length = 0;
    const again = await sync(`${folder}/cache`, {
      images: [{ from: there, to: `oci:${folder}/to`, tags: "semver:>=1.2 <2" }],
    });
    // Three pages of tags and two manifests, in the dry run and in the run.
    assertEquals([again.requests, registry.requests.length], [5, 10]);
  }));

Deno.test("syncImages() moves a blob once that several images share", () =>
  inFolder(async (folder) => {
    await using registry = new FakeRegistry();
    const images = ["a", "b", "c", "d"].map((tag) => ({
      from: `oci:${folder}/from:${tag}`,
      to: `docker://${registry.host}/all:${tag}`,
    }));
    for (const tag of ["a", "b", "c", "d"]) {
      await writeImage(`${folder}/from`, tag, { layers: [shared, tag] });
    }
    const first = await sync(`${folder}/cache`, { images });
    assert(registry.receivedBytes < 310_000, `${registry.receivedBytes} bytes came`);
    const again = await sync(`${folder}/cache`, { images });
    assertEquals([again.changed, again.bytesMoved, again.requests], [false, 0, 4]);
    assertEquals(again.why, "0 of 4 images changed (0 B)");
    assertEquals(first.bytesReused, 3 * 300_000);
  }));

Deno.test("syncImages() reads each blob once for several destinations", () =>
  inFolder(async (folder) => {
    await using source = new FakeRegistry();
    await using one = new FakeRegistry();
    await using other = new FakeRegistry();
    const image = await writeImage(`${folder}/from`, "v1", { layers: [shared, "x"] });
    const there = `docker://${source.host}/a:v1`;
    await sync(`${folder}/other`, { images: [{ from: `oci:${folder}/from:v1`, to: there }] });
    source.sentBytes = 0;
    const to = [
      `docker://${one.host}/b:v1`,
      `docker://${other.host}/c:v1`,
      `oci:${folder}/to:v1`,
    ];
    const result = await sync(`${folder}/cache`, { images: [{ from: there, to }] });
    assertEquals(result.images.map(({ digest }) => digest), to.map(() => image.digest));
    assert(source.sentBytes < 301_000, `${source.sentBytes} bytes were read`);
    assertEquals(await blobsOf(`${folder}/to`), await blobsOf(`${folder}/from`));
    assertEquals(
      await Array.fromAsync(Deno.readDir(new Cache(`${folder}/cache`).partials.dir)),
      [],
    );
  }));

Deno.test("syncImages() moves no tag when one image cannot be copied", () =>
  inFolder(async (folder) => {
    await using registry = new FakeRegistry();
    await writeImage(`${folder}/from`, "good", { layers: ["fine"] });
    await writeImage(`${folder}/from`, "bad", { layers: ["damaged"] });
    await Deno.writeTextFile(new Layout(`${folder}/from`).blobPath(sha256("damaged")), "danaged");
    await assertRejects(() =>
      syncImages({
        images: ["good", "bad"].map((tag) => ({
          from: `oci:${folder}/from:${tag}`,
          to: `docker://${registry.host}/a:${tag}`,
        })),
      }, { cache: new Cache(`${folder}/cache`) })
    );
    assertEquals([...registry.store.repository("a").tags], []);
  }));

Deno.test("syncImages() finds damaged bytes at the destination and moves them again", () =>
  inFolder(async (folder) => {
    await using registry = new FakeRegistry();
    await writeImage(`${folder}/from`, "v1", { layers: [shared, "small"] });
    const from = `oci:${folder}/from:v1`;
    for (const to of [`oci:${folder}/to:v1`, `docker://${registry.host}/a:v1`]) {
      const images = [{ from, to }];
      const first = await sync(`${folder}/cache`, { images });
      const digest = sha256(shared);
      const damaged = shared.slice();
      damaged[7]! ^= 1;
      if (to.startsWith("oci:")) {
        await Deno.writeFile(new Layout(`${folder}/to`).blobPath(digest), damaged);
      } else registry.store.blobs.set(digest, damaged);
      assertEquals((await sync(`${folder}/cache`, { images })).changed, false);
      const repaired = await sync(`${folder}/cache`, { images, verifyExisting: true });
      assertEquals([repaired.changed, repaired.bytesMoved >= shared.length], [true, true]);
      const sound = await sync(`${folder}/cache`, { images, verifyExisting: true });
      assertEquals([sound.changed, sound.bytesMoved], [false, 0]);
      assertEquals(sound.bytesReused, first.bytesMoved);
    }
  }));

Deno.test("syncImages() verifies the manifests of an index at a registry, and puts those again that are damaged", () =>
  inFolder(async (folder) => {
    await using registry = new FakeRegistry();
    const from = `oci:${folder}/from:v1`;
    const index = await writeIndex(`${folder}/from`, "v1", [{ layers: ["a"] }, { layers: ["b"] }]);
    const images = [{ from, to: `docker://${registry.host}/a:v1` }];
    const options = { images, allPlatforms: true };
    await sync(`${folder}/cache`, options);
    const { manifests } = registry.store.repository("a");
    const digests = [...manifests.keys()];
    assert(digests.length === 3 && digests.includes(index.digest));
    for (const digest of [undefined, ...digests]) {
      const whole = digest === undefined ? undefined : manifests.get(digest);
      if (digest !== undefined) {
        manifests.set(digest, { ...whole!, bytes: new TextEncoder().encode("{}") });
      }
      const { changed } = await sync(`${folder}/cache`, { ...options, verifyExisting: true });
      assertEquals(changed, digest !== undefined);
      if (digest !== undefined) assertEquals(manifests.get(digest), whole);
    }
  }));

realTest(
  "syncImages() says so where a registry keeps damaged bytes, whatever is sent to it",
  ["docker-registry"],
  () =>
    inFolder(async (folder) => {
      await using registry = await startRegistry();
      await writeImage(`${folder}/from`, "v1", { layers: [shared, "small"] });
      const images = [{ from: `oci:${folder}/from:v1`, to: `docker://${registry.host}/a:v1` }];
      await sync(`${folder}/cache`, { images });
      const hex = digestHex(sha256(shared));
      const blobs = `${registry.folder}/docker/registry/v2/blobs/sha256`;
      const damage = async (bytes: number, options: SyncImagesOptions) => {
        await Deno.writeFile(`${blobs}/${hex.slice(0, 2)}/${hex}/data`, new Uint8Array(bytes));
        await assertRejects(
          () => syncImages(options, { cache: new Cache(`${folder}/cache`) }),
          VerificationError,
          `keeps damaged bytes of sha256:${hex}`,
        );
      };
      await damage(300_000, { images, verifyExisting: true });
      // That a blob has another size is seen without reading it.
      const again = [{ from: images[0]!.from, to: `docker://${registry.host}/a:v2` }];
      await damage(1000, { images: again });
      assertEquals((await registry.accesses()).filter((line) => /PUT .*v2 /.test(line)), []);
    }),
);

Deno.test("syncImages() moves a blob again of which a registry has another size", () =>
  inFolder(async (folder) => {
    await using registry = new FakeRegistry();
    await writeImage(`${folder}/from`, "v1", { layers: [shared, "small"] });
    const there = `docker://${registry.host}/a`;
    const images = (tag: string) => [{ from: `oci:${folder}/from:v1`, to: `${there}:${tag}` }];
    await sync(`${folder}/cache`, { images: images("v1") });
    registry.store.blobs.set(sha256(shared), shared.slice(0, 1000));
    const repaired = await sync(`${folder}/cache`, { images: images("v2") });
    assert(repaired.bytesMoved > shared.length);
    assertEquals(registry.store.blobs.get(sha256(shared)), shared);
  }));

Deno.test("syncImages() finds before it moves anything that the disk has no room", () =>
  inFolder(async (folder) => {
    await using registry = new FakeRegistry();
    const blob = { mediaType: MediaType.ociLayer, digest: sha256("x"), size: 2 ** 49 };
    const huge = new TextEncoder().encode(
      JSON.stringify({
        schemaVersion: 2,
        config: { ...blob, digest: sha256("{}"), size: 2 },
        layers: [blob],
      }),
    );
    registry.store.putManifest("a", { mediaType: MediaType.ociManifest, bytes: huge }, "huge");
    const error = await assertRejects(
      () =>
        syncImages({
          images: [{ from: `docker://${registry.host}/a:huge`, to: `oci:${folder}/to:v1` }],
        }, { cache: new Cache(`${folder}/cache`) }),
      NoRoomError,
      "are free",
    );
    assertEquals(error.exitCode, 8);
    await assertRejects(() => Deno.stat(`${folder}/to`), Deno.errors.NotFound);
  }));

Deno.test("syncImages() brings no two images to one name, and one image there once", () =>
  inFolder(async (folder) => {
    await using registry = new FakeRegistry();
    for (const name of ["a", "b"]) await writeImage(`${folder}/${name}`, "v1", { layers: [name] });
    const [a, b] = ["a", "b"].map((name) => `oci:${folder}/${name}:v1`);
    const into = (to: string, other = to) =>
      syncImages({ images: [{ from: a!, to }, { from: b!, to: other }] }, {
        cache: new Cache(`${folder}/cache`),
      });
    const there = `docker://${registry.host}/x`;
    for (
      const [to, other] of [
        [`oci:${folder}/to:v1`],
        [`oci:${folder}/to`],
        [`oci:${folder}/to:v1`, `oci:${folder}/./to:v1`],
        [there, `${there}:latest`],
        ["podman:x", "podman:x:latest"],
      ]
    ) {
      const error = await assertRejects(() => into(to!, other), UsageError);
      assertEquals(
        error.message,
        `Cannot sync "${b}" to "${other ?? to}": "${a}" is to go there too`,
      );
    }
    await assertRejects(() => Deno.stat(`${folder}/to`), Deno.errors.NotFound);
    const index = JSON.parse(await Deno.readTextFile(`${folder}/a/index.json`));
    index.manifests.push(...index.manifests);
    await Deno.writeTextFile(`${folder}/a/index.json`, JSON.stringify(index));
    const to = [`oci:${folder}/to`, `oci:${folder}/to`, there];
    const images = [{ from: `oci:${folder}/a`, to, tags: ".*" }];
    const result = await syncImages({ images }, { cache: new Cache(`${folder}/cache`) });
    assertEquals(result.images.length, 3);
    assertEquals((await new Layout(`${folder}/to`).entries()).map(nameOf), ["v1"]);
  }));

Deno.test("syncImages() refuses a bad choice of tags", () =>
  inFolder(async (folder) => {
    await writeImage(`${folder}/from`, "v1", { layers: ["x"] });
    const choose = (tags: string, tag = "") =>
      syncImages({
        images: [{ from: `oci:${folder}/from${tag}`, to: `oci:${folder}/to`, tags }],
      }, { cache: new Cache(`${folder}/cache`) });
    await assertRejects(() => choose("("), UsageError, 'Cannot choose tags by "("');
    await assertRejects(() => choose("semver:>>1"), UsageError, "it is no range of versions");
    await assertRejects(() => choose("v.*", ":v1"), UsageError, "it names one already");
    const unfit = await assertRejects(() => choose("z.*"), KedgeError, 'no tag fits "z.*"');
    assertEquals(unfit.hint, 'it has the tags "v1"');
    // Without semver: a range is an expression that fits nothing.
    for (const range of [">=0.9 <2", "^1.0", "1.x"]) {
      const { hint } = await assertRejects(() => choose(range), KedgeError, "no tag fits");
      assertEquals(hint, `"semver:${range}" fits 1 tag`);
    }
    await assertRejects(
      () => syncImages({ images: [] }, { cache: new Cache(`${folder}/cache`) }),
      UsageError,
      "the list is empty",
    );
  }));

Deno.test("image:sync --tags prints one pinned reference a line", () =>
  inFolder(async (folder) => {
    for (const tag of ["a1", "a2", "b1"]) {
      await writeImage(`${folder}/from`, tag, { layers: [tag] });
    }
    const { code, stdout, stderr } = await runKedge(
      ["image:sync", `oci:${folder}/from`, `oci:${folder}/to`, "--tags", "a.*"],
      { cacheDir: `${folder}/cache` },
    );
    assertEquals(code, 0, stderr);
    assertEquals(stdout.split("\n").map((line) => line.replace(/@.*/, "")), [
      `oci:${folder}/to:a1`,
      `oci:${folder}/to:a2`,
      "",
    ]);
  }));
