/** Indexes that name images without a platform, of which some are not there. */
import { assertEquals, assertRejects } from "@std/assert";
import { KedgeError } from "../../../lib/base/errors.ts";
import { sha256 } from "../../../lib/base/digest.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { putContent, writeImage } from "../../support/layout.ts";

/** An index of three images without platforms, of which the first is not there and the second has no config. */
async function withIndex(
  run: (room: ImageRoom, places: string[], last: Descriptor) => Promise<void>,
): Promise<void> {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const made = room.path("made");
  const images: Descriptor[] = [];
  for (const architecture of ["riscv64", "s390x", "arm64"]) {
    const platform = { os: "linux", architecture };
    images.push(await writeImage(made, undefined, { layers: [architecture], platform }));
  }
  const layout = new Layout(made);
  const second = (await layout.manifest(images[1]!.digest, images[1]!.mediaType))!;
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: images.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  });
  await layout.point("v1", await putContent(made, text, MediaType.ociIndex));
  await room.sync(`oci:${made}:v1`, `docker://${registry.host}/a:v1`, { allPlatforms: true });
  for (const digest of [images[0]!.digest, second.blobs[0]!.digest]) {
    await Deno.remove(layout.blobPath(digest));
    registry.store.blobs.delete(digest);
    registry.store.repository("a").manifests.delete(digest);
  }
  await run(room, [`oci:${made}:v1`, `docker://${registry.host}/a:v1`], images[2]!);
}

Deno.test("syncImage() finds the image for a platform by its config though others of the index are not there", () =>
  withIndex(async (room, places, last) => {
    for (const [at, from] of places.entries()) {
      const to = `oci:${room.path(`to-${at}`)}:v1`;
      const { digest } = await room.sync(from, to, { platforms: ["linux/arm64"] });
      assertEquals(digest, last.digest);
    }
  }));

Deno.test("syncImage() says that there is no image for a platform where all that could be are not there", () =>
  withIndex(async (room, places) => {
    for (const from of places) {
      await assertRejects(
        () => room.sync(from, `oci:${room.path("none")}:v1`, { platforms: ["linux/riscv64"] }),
        KedgeError,
        "linux/riscv64",
      );
    }
  }));

Deno.test("syncImage() puts an image in the place of one of Docker's schema 1, and of what is not an image, whether HEAD tells of it or not", async () => {
  const texts = [
    '{"schemaVersion":1,"name":"a","tag":"v1","fsLayers":[],"history":[]}',
    '{"some":"thing"}',
  ];
  for (const quirks of [[], ["no-head"], ["no-digest-header"]] as const) {
    for (const text of texts) {
      await using room = await ImageRoom.make();
      await using registry = new FakeRegistry({ quirks });
      const old = {
        mediaType: "application/vnd.docker.distribution.manifest.v1+json",
        bytes: new TextEncoder().encode(text),
      };
      registry.store.putManifest("a", old, "v1");
      const made = await writeImage(room.path("made"), "v1", { layers: ["new"] });
      const { digest } = await room.sync(
        `oci:${room.path("made")}:v1`,
        `docker://${registry.host}/a:v1`,
      );
      assertEquals(digest, made.digest);
      assertEquals(registry.store.repository("a").tags.get("v1"), made.digest);
      assertEquals(sha256(old.bytes) === digest, false);
    }
  }
});
