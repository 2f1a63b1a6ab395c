import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, UsageError, VerificationError } from "../../../lib/base/errors.ts";
import { lockFile } from "../../../lib/base/file_lock.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { collectImages } from "../../../tasks/image/gc.ts";
import { diffImages, inspectImage, listImages } from "../../../tasks/image/inspect.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { inFolder } from "../../support/in_folder.ts";
import { blobsOf, putContent, writeImage, writeIndex } from "../../support/layout.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

function inLayout(run: (folder: string) => Promise<void>): Promise<void> {
  return inFolder((folder) => run(join(folder, "layout")));
}

Deno.test("inspectImage() tells images, platforms and sizes of an index", () =>
  inLayout(async (folder) => {
    const index = await writeIndex(folder, "v1", [
      { layers: ["one", "both"] },
      { layers: ["two", "both"], platform: { os: "linux", architecture: "arm64" } },
    ]);
    const found = await inspectImage({ image: `oci:${folder}:v1` });
    assertEquals(found.reference, `oci:${folder}:v1@${index.digest}`);
    assertEquals(found.images.map(({ platform, blobs }) => [platform, blobs.length]), [
      ["linux/amd64", 3],
      ["linux/arm64", 3],
    ]);
    assertEquals(found.images[1]!.blobs[1]!.digest, sha256("two"));
    let size = 0;
    for (const digest of await blobsOf(folder)) {
      size += (await Deno.stat(new Layout(folder).blobPath(digest))).size;
    }
    assertEquals(found.size, size);
  }));

Deno.test("diffImages() tells what is shared and what it costs to go from one to the other", () =>
  inLayout(async (folder) => {
    await writeImage(folder, "a", { layers: ["same", "old"] });
    await writeImage(folder, "b", { layers: ["same", "newer"] });
    const diff = await diffImages({ a: `oci:${folder}:a`, b: `oci:${folder}:b` });
    assertEquals(diff.shared.map(({ digest }) => digest), [sha256("same")]);
    assertEquals(diff.bytesShared, 4);
    assertEquals(diff.onlyB.some(({ digest }) => digest === sha256("newer")), true);
    assertEquals(diff.onlyA.some(({ digest }) => digest === sha256("newer")), false);
  }));

Deno.test("listImages() gives the names of a layout", () =>
  inLayout(async (folder) => {
    await writeImage(folder, "a", { layers: ["1"] });
    await writeImage(folder, "b", { layers: ["2"] });
    assertEquals(await listImages({ place: `oci:${folder}` }), { tags: ["a", "b"] });
  }));

Deno.test("listImages() and collectImages() refuse a folder that is not there, and make none", () =>
  inLayout(async (folder) => {
    const layout = `oci:${folder}`;
    const state = "there is no layout in that folder";
    await assertRejects(() => listImages({ place: layout }), KedgeError, state);
    for (const untag of [[], ["v1"]]) {
      await assertRejects(() => collectImages({ layout, untag }), KedgeError, state);
    }
    await assertRejects(() => Deno.stat(folder), Deno.errors.NotFound);
  }));

Deno.test("listImages() takes a place, and no image of it", async () => {
  const digest = `sha256:${"0".repeat(64)}`;
  for (const place of ["docker://a.example/b:v1", `docker://a.example/b@${digest}`, "oci:b:v1"]) {
    const error = await assertRejects(
      () => listImages({ place }),
      UsageError,
      `Cannot list the tags of "${place}": it names one image of them`,
    );
    assertEquals(error.hint, "leave out the tag and the digest");
  }
});

realTest(
  "listImages() tells of a repository that the registry does not know",
  ["docker-registry"],
  async () => {
    await using registry = await startRegistry();
    const place = `docker://${registry.host}/misspelt`;
    const message = "the registry has no such repository";
    await assertRejects(() => listImages({ place }), KedgeError, message);
  },
);

Deno.test("collectImages() removes what no name leads to, and keeps what is young", () =>
  inLayout(async (folder) => {
    await writeImage(folder, "a", { layers: ["shared", "of a"] });
    await writeImage(folder, "b", { layers: ["shared", "of b"] });
    const layout = `oci:${folder}`;
    const ctx = { cache: new Cache(join(folder, "..", "cache")) };
    assertEquals((await collectImages({ layout, graceMs: 0 }, ctx)).removed, []);
    const planned = await collectImages(
      { layout, graceMs: -1000, untag: ["b"] },
      { ...ctx, dryRun: true },
    );
    assertEquals(planned.removed.length, 3);
    assertEquals((await blobsOf(folder)).length, 7);
    const young = await collectImages({ layout, graceMs: 60_000, untag: ["b"] }, ctx);
    assertEquals(young.removed, []);
    const { removed } = await collectImages({ layout, graceMs: -1000 }, ctx);
    assertEquals(removed, planned.removed);
    assertEquals((await blobsOf(folder)).length, 4);
    assertEquals((await inspectImage({ image: `${layout}:a` })).images.length, 1);
  }));

Deno.test("inspectImage(), diffImages(), listImages() and syncImages() ask no registry offline, and read layouts", () =>
  inLayout(async (folder) => {
    await using registry = new FakeRegistry();
    await writeImage(folder, "a", { layers: ["x"] });
    const [here, there] = [`oci:${folder}`, `docker://${registry.host}/a`];
    const ctx = { offline: true, cache: new Cache(join(folder, "..", "cache")) };
    const to = `oci:${folder}-copy`;
    for (
      const [action, run] of [
        ["read", () => inspectImage({ image: `${there}:a` }, ctx)],
        ["read", () => diffImages({ a: `${here}:a`, b: `${there}:a` }, ctx)],
        ["list", () => listImages({ place: there }, ctx)],
        ["sync", () => syncImages({ images: [{ from: there, to, tags: ".*" }] }, ctx)],
      ] as const
    ) await assertRejects(run, UsageError, `Cannot ${action} "${there}`);
    assertEquals(registry.requests, []);
    assertEquals((await inspectImage({ image: `${here}:a` }, ctx)).images.length, 1);
    assertEquals((await diffImages({ a: `${here}:a`, b: `${here}:a` }, ctx)).onlyA, []);
    assertEquals(await listImages({ place: here }, ctx), { tags: ["a"] });
    const images = [{ from: here, to, tags: ".*" }];
    assertEquals((await syncImages({ images }, ctx)).changed, true);
  }));

/** The number of no process. */
const gone = "999999999";

Deno.test("collectImages() removes what killed processes left of their files, once it is old, and nothing of others", () =>
  inLayout(async (folder) => {
    await writeImage(folder, "a", { layers: ["x"] });
    const partial = join(folder, ".kedge", "partials", "b".repeat(64));
    await Deno.mkdir(partial, { recursive: true });
    const left = [
      join(partial, "data"),
      join(folder, ".kedge", `${"a".repeat(64)}.tmp-${gone}-0123abcd`),
      join(folder, `index.json.tmp-${gone}-0123abcd`),
      join(folder, "blobs", "sha256", `${"c".repeat(64)}.tmp-${gone}-0123abcd`),
    ];
    const others = [
      `${partial}.lock`,
      join(folder, "notes.txt"),
      // Other processes, which live, and this one may be writing these.
      join(folder, "blobs", "sha256", `adopted.tmp-${Deno.ppid || 1}-0123abcd`),
      join(folder, ".kedge", `${"b".repeat(64)}.tmp-${Deno.pid}-0123abcd`),
    ];
    for (const path of [...left, ...others]) await Deno.writeTextFile(path, "12345");
    const isThere = (path: string) => Deno.stat(path).then(() => true, () => false);
    const standing = () => Promise.all([...left, ...others].map(isThere));
    const layout = `oci:${folder}`;
    const ctx = { cache: new Cache(join(folder, "..", "cache")) };
    assertEquals((await collectImages({ layout }, ctx)).bytesFreed, 0);
    const planned = await collectImages({ layout, graceMs: -1000 }, { ...ctx, dryRun: true });
    assertEquals(planned.bytesFreed, 20);
    assertEquals(await standing(), Array(8).fill(true));
    const collected = await collectImages({ layout, graceMs: -1000 }, ctx);
    assertEquals(collected, { ...planned, dryRun: false });
    assertEquals(await standing(), [false, false, false, false, true, true, true, true]);
  }));

Deno.test("collectImages() leaves alone what a running process is bringing, however old it is", () =>
  inLayout(async (folder) => {
    await writeImage(folder, "a", { layers: ["x"] });
    const partial = join(folder, ".kedge", "partials", "b".repeat(64));
    await Deno.mkdir(partial, { recursive: true });
    await Deno.writeTextFile(join(partial, "data"), "12345");
    const ctx = { cache: new Cache(join(folder, "..", "cache")) };
    const freed = async (dryRun: boolean) =>
      (await collectImages({ layout: `oci:${folder}`, graceMs: -1000 }, { ...ctx, dryRun }))
        .bytesFreed;
    {
      using _lock = await lockFile(`${partial}.lock`);
      assertEquals([await freed(true), await freed(false)], [0, 0]);
    }
    assertEquals([await freed(true), await freed(false)], [5, 5]);
  }));

Deno.test("collectImages() removes nothing of indexes that are nested deep", () =>
  inLayout(async (folder) => {
    let root = await writeImage(folder, undefined, { layers: ["x"] });
    for (let depth = 0; depth < 30; depth++) {
      const text = JSON.stringify({
        schemaVersion: 2,
        mediaType: MediaType.ociIndex,
        manifests: [root],
      });
      root = await putContent(folder, text, MediaType.ociIndex);
    }
    await new Layout(folder).point("a", root);
    const ctx = { cache: new Cache(join(folder, "..", "cache")) };
    const { removed } = await collectImages({ layout: `oci:${folder}`, graceMs: -1000 }, ctx);
    assertEquals(removed, []);
  }));

Deno.test("collectImages() takes a layout that has no blobs yet, and one with a link that leads nowhere", () =>
  inLayout(async (folder) => {
    await Deno.mkdir(folder);
    await Deno.writeTextFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    await Deno.writeTextFile(join(folder, "index.json"), '{"schemaVersion":2,"manifests":[]}');
    const layout = `oci:${folder}`;
    const ctx = { cache: new Cache(join(folder, "..", "cache")) };
    const empty = await collectImages({ layout, graceMs: -1000 }, ctx);
    assertEquals([empty.removed, empty.bytesFreed, empty.kept, empty.changed], [[], 0, 0, false]);
    await writeImage(folder, "a", { layers: ["x"] });
    await Deno.symlink("/nonexistent", join(folder, "blobs", "sha256", "a".repeat(64)));
    const { removed, kept } = await collectImages({ layout, graceMs: -1000 }, ctx);
    assertEquals([removed, kept], [[], 4]);
  }));

Deno.test("collectImages() warns of a name to be taken out that is not there", () =>
  inLayout(async (folder) => {
    await writeImage(folder, "a", { layers: ["x"] });
    const notes: string[] = [];
    const report = (event: { type: string; message?: string }) =>
      void (event.type === "note" && notes.push(event.message!));
    const ctx = { cache: new Cache(join(folder, "..", "cache")), report };
    const layout = `oci:${folder}`;
    for (const dryRun of [true, false]) {
      const run = collectImages({ layout, graceMs: -1000, untag: ["b", "a"] }, { ...ctx, dryRun });
      assertEquals((await run).removed.length, 3);
      assertEquals(notes.splice(0), [`"${layout}" has no name "b" to be taken out`]);
    }
  }));

Deno.test("collectImages() removes nothing where a manifest is damaged, nor outside a layout", () =>
  inLayout(async (folder) => {
    const image = await writeImage(folder, "a", { layers: ["x"] });
    await putContent(folder, "loose", "text/plain");
    await Deno.writeTextFile(new Layout(folder).blobPath(image.digest), "{}");
    const ctx = { cache: new Cache(join(folder, "..", "cache")) };
    await assertRejects(
      () => collectImages({ layout: `oci:${folder}`, graceMs: -1000 }, ctx),
      VerificationError,
    );
    assertEquals((await blobsOf(folder)).length, 4);
    await assertRejects(
      () => collectImages({ layout: "docker://a.example/b" }, ctx),
      UsageError,
      "it is not a layout",
    );
  }));

Deno.test("image:ls, image:inspect, image:diff and image:gc print what they found", () =>
  inLayout(async (folder) => {
    await writeImage(folder, "a", { layers: ["x"] });
    await writeImage(folder, "b", { layers: ["y"] });
    const options = { cacheDir: join(folder, "..", "cache") };
    const ls = await runKedge(["image:ls", `oci:${folder}`], options);
    assertEquals([ls.code, ls.stdout], [0, "a\nb\n"], ls.stderr);
    const inspected = await runKedge(["image:inspect", `oci:${folder}:a`], options);
    assertEquals(JSON.parse(inspected.stdout).images.length, 1);
    const diff = await runKedge(["image:diff", `oci:${folder}:a`, `oci:${folder}:b`], options);
    assertEquals(diff.stdout.includes(`+ ${sha256("y")} 1\n`), true, diff.stdout);
    const gc = await runKedge(["image:gc", `oci:${folder}`, "--untag", "b"], options);
    assertEquals([gc.code, gc.stdout], [0, "0 blobs, 0 B removed\n"], gc.stderr);
  }));
