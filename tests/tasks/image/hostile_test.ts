/** Places that give names which lead elsewhere, or things that are not what they are said to be. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, VerificationError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { inFolder } from "../../support/in_folder.ts";
import { writeImage, writeIndex } from "../../support/layout.ts";

const elsewhere = "../../victim/manifests/latest";

Deno.test("syncImages() writes to no other repository, whatever the names in a layout are", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using registry = new FakeRegistry();
    const from = `oci:${join(folder, "from")}`;
    await writeImage(join(folder, "from"), elsewhere, { layers: ["evil"] });
    const images = [{ from, to: `docker://${registry.host}/mine`, tags: ".*" }];
    await assertRejects(
      () => syncImages({ images }, { cache: new Cache(join(folder, "cache")) }),
      VerificationError,
      "is not a tag",
    );
    assertEquals([...registry.store.repository("victim").tags], []);
    assertEquals(registry.requests, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("syncImages() refuses a registry whose tags are none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using registry = new FakeRegistry();
    await using other = new FakeRegistry();
    registry.store.repository("a").tags.set(elsewhere, "sha256:00");
    const images = [
      { from: `docker://${registry.host}/a`, to: `docker://${other.host}/mine`, tags: ".*" },
    ];
    await assertRejects(
      () => syncImages({ images }, { cache: new Cache(join(folder, "cache")) }),
      VerificationError,
      "Cannot list the tags",
    );
    assertEquals(other.requests, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("syncImage() reads of a layout no blob that is a pipe, or a device that never ends", () =>
  inFolder(async (folder) => {
    await using registry = new FakeRegistry();
    const from = join(folder, "from");
    await writeImage(from, "v1", { layers: ["a layer"] });
    const path = new Layout(from).blobPath(sha256("a layer"));
    await Deno.remove(path);
    const put = {
      pipe: () => new Deno.Command("mkfifo", { args: [path] }).output(),
      device: () => Deno.symlink("/dev/zero", path),
    };
    for (const [kind, make] of Object.entries(put)) {
      await make();
      for (const to of [`oci:${folder}/to-${kind}:v1`, `docker://${registry.host}/a:v1`]) {
        const error = await assertRejects(
          () => syncImage({ from: `oci:${from}:v1`, to }, { cache: new Cache(`${folder}/cache`) }),
          VerificationError,
          "it is not a file",
        );
        assertEquals(error.side, "source");
      }
      await Deno.remove(path);
    }
    assertEquals(registry.store.blobs.has(sha256("a layer")), false);
  }));

Deno.test("syncImage() says of an index that lists more than is there what can be done, and takes what is there", () =>
  inFolder(async (folder) => {
    await using registry = new FakeRegistry();
    const from = `oci:${folder}/from:v1`;
    const index = await writeIndex(`${folder}/from`, "v1", [
      { layers: ["1"] },
      { layers: ["2"], platform: { os: "linux", architecture: "arm64" } },
    ]);
    const layout = new Layout(`${folder}/from`);
    const { manifests } = (await layout.manifest(index.digest))!;
    const gone = manifests[1]!.digest;
    const there = `docker://${registry.host}/a:v1`;
    const ctx = { cache: new Cache(`${folder}/cache`) };
    await syncImage({ from, to: there, allPlatforms: true }, ctx);
    registry.store.repository("a").manifests.delete(gone);
    await Deno.remove(layout.blobPath(gone));
    for (const [at, place] of [from, there].entries()) {
      const to = `${folder}/to-${at}`;
      const error = await assertRejects(
        () => syncImage({ from: place, to: `oci:${to}:v1`, allPlatforms: true }, ctx),
        KedgeError,
        gone,
      );
      assertStringIncludes(error.hint ?? "", "choose platforms that are");
      assertEquals(await new Layout(to).isThere(), false);
      const platforms = ["linux/amd64"];
      const { digest } = await syncImage({ from: place, to: `oci:${to}:v1`, platforms }, ctx);
      assertEquals(digest, manifests[0]!.digest);
    }
  }));
