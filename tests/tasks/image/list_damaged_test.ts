/** What destinations have that is damaged, and what is done about it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import { digestHex } from "../../../lib/base/digest_text.ts";
import { VerificationError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { syncImages, type SyncImagesOptions } from "../../../tasks/image/list.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { inFolder } from "../../support/in_folder.ts";
import { writeImage, writeIndex } from "../../support/layout.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";
import { shared, sync } from "../../support/images_sync.ts";

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
