/** The tags of a repository that are chosen. */
import { assertEquals, assertRejects } from "@std/assert";
import { KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout, nameOf } from "../../../lib/oci/layout/layout.ts";
import { referrersTag } from "../../../lib/oci/referrers.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { inFolder } from "../../support/in_folder.ts";
import { attachSignature, writeImage, writeIndex } from "../../support/layout.ts";
import { runKedge } from "../../support/program.ts";
import { shared, sync } from "../../support/images_sync.ts";

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

Deno.test("syncImages() refuses a bad choice of tags", () =>
  inFolder(async (folder) => {
    await writeImage(`${folder}/from`, "v1", { layers: ["x"] });
    const choose = (tags: string, tag = "") =>
      syncImages({
        images: [{ from: `oci:${folder}/from${tag}`, to: `oci:${folder}/to`, tags }],
      }, { cache: new Cache(`${folder}/cache`) });
    await assertRejects(() => choose("("), UsageError, 'Cannot choose tags by "("');
    await assertRejects(() => choose("semver:>>1"), UsageError, "it is not a range of versions");
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
