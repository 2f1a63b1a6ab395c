/** Many images are brought at once, and each blob once. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { NoRoomError, UsageError, VerificationError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout, nameOf } from "../../../lib/oci/layout/layout.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { inspectImage } from "../../../tasks/image/inspect.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { inFolder } from "../../support/in_folder.ts";
import { blobsOf, randomBytes, writeImage } from "../../support/layout.ts";
import { shared, sync } from "../../support/images_sync.ts";

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
    await assertRejects(
      () =>
        syncImages({
          images: ["good", "bad"].map((tag) => ({
            from: `oci:${folder}/from:${tag}`,
            to: `docker://${registry.host}/a:${tag}`,
          })),
        }, { cache: new Cache(`${folder}/cache`) }),
      VerificationError,
      "its bytes have the digest",
    );
    assertEquals([...registry.store.repository("a").tags], []);
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
