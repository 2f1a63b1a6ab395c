/** Tags, digests and blobs are taken away from layouts and registries. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { Cache } from "../../../lib/cache/cache.ts";
import { KedgeError, NoRoomError, NotAllowedError, UsageError } from "../../../lib/base/errors.ts";
import { Layout, nameOf } from "../../../lib/oci/layout/layout.ts";
import { collectImages } from "../../../tasks/image/gc.ts";
import { listImages } from "../../../tasks/image/inspect.ts";
import { removeImages } from "../../../tasks/image/rm.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { blobsOf, writeImage } from "../../support/layout.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";
import { fillDisk, mountSmallDisk } from "../../support/small_disk.ts";

function contextOf(room: ImageRoom) {
  return { cache: new Cache(room.path("cache")) };
}

async function tagsOf(folder: string): Promise<(string | undefined)[]> {
  return (await new Layout(folder).entries()).map(nameOf);
}

Deno.test("removeImages() takes a tag of a layout away, and leaves its blobs to the collection", async () => {
  await using room = await ImageRoom.make();
  const folder = room.path("layout");
  for (const tag of ["a", "b"]) await writeImage(folder, tag, { layers: [tag] });
  const before = await blobsOf(folder);
  const images = [`oci:${folder}:a`, `oci:${folder}:none`];
  const context = contextOf(room);
  const wanted = {
    ...{ changed: true, removed: [images[0]!], absent: [images[1]!], dryRun: false },
    why: "the registries and layouts had 1 of 2 names",
  };
  const planned = await removeImages({ images }, { ...context, dryRun: true });
  assertEquals(planned, { ...wanted, dryRun: true });
  assertEquals(await tagsOf(folder), ["a", "b"]);
  assertEquals(await removeImages({ images }, context), wanted);
  assertEquals([await tagsOf(folder), await blobsOf(folder)], [["b"], before]);
  const again = await removeImages({ images }, context);
  const why = "the registries and layouts had 0 of 2 names";
  assertEquals(again, { changed: false, removed: [], absent: images, why, dryRun: false });
});

realTest(
  "removeImages() and collectImages() say so where the disk has no room for the index without a name",
  ["root"],
  async () => {
    await using room = await ImageRoom.make();
    await using disk = await mountSmallDisk(room.path("disk"), 1_000_000);
    const folder = join(disk.dir, "layout");
    for (const tag of ["a", "b"]) await writeImage(folder, tag, { layers: [tag] });
    await fillDisk(join(disk.dir, "full"));
    const context = contextOf(room);
    for (
      const remove of [
        () => removeImages({ images: [`oci:${folder}:a`] }, context),
        () => collectImages({ layout: `oci:${folder}`, untag: ["a"] }, context),
      ]
    ) {
      const { message, hint } = await assertRejects(remove, NoRoomError);
      assertEquals(message, `Cannot write the index of "${folder}": the disk is full`);
      assertEquals(hint, "make room for some KiB, and run it again");
      assertEquals(await tagsOf(folder), ["a", "b"]);
    }
  },
);

Deno.test("removeImages() takes a digest of a layout away with all of its tags", async () => {
  await using room = await ImageRoom.make();
  const folder = room.path("layout");
  const { digest } = await writeImage(folder, "a", { layers: ["a"] });
  await writeImage(folder, "same", { layers: ["a"] });
  await writeImage(folder, "b", { layers: ["b"] });
  await removeImages({ images: [`oci:${folder}@${digest}`] }, contextOf(room));
  assertEquals(await tagsOf(folder), ["b"]);
});

Deno.test("removeImages() refuses a reference that names nothing, or two things, before it removes another", async () => {
  await using room = await ImageRoom.make();
  const folder = room.path("layout");
  const { digest } = await writeImage(folder, "a", { layers: ["a"] });
  for (const bad of [`oci:${folder}`, `oci:${folder}:a@${digest}`, "docker://a.dev/b", "a:b"]) {
    const images = [`oci:${folder}:a`, bad];
    await assertRejects(() => removeImages({ images }, contextOf(room)), UsageError);
  }
  for (const bad of [`oci:${folder}@${digest}`, "docker://a.dev/b:c"]) {
    const blob = { images: [bad], blobs: true };
    await assertRejects(() => removeImages(blob, contextOf(room)), UsageError);
  }
  assertEquals(await tagsOf(folder), ["a"]);
});

realTest(
  "removeImages() takes a digest of docker-registry away, and says which one where a tag cannot go alone",
  [
    "docker-registry",
  ],
  async () => {
    await using room = await ImageRoom.make();
    await using registry = await startRegistry();
    const context = contextOf(room);
    const place = `docker://${registry.host}/a`;
    const { digest } = await writeImage(room.path("from"), "v1", { layers: ["a"] });
    await writeImage(room.path("from"), "v2", { layers: ["b"] });
    for (const tag of ["v1", "v2"]) {
      await room.sync(
        `oci:${room.path("from")}:${tag}`,
        `${place}:${tag}`,
      );
    }
    const images = [`${place}:v1`];
    const error = await assertRejects(() => removeImages({ images }, context), KedgeError);
    assertStringIncludes(error.hint!, `${place}@${digest}`);
    const removed = await removeImages({ images: [`${place}@${digest}`] }, context);
    assertEquals(removed.removed, [`${place}@${digest}`]);
    assertEquals((await removeImages({ images }, context)).absent, images);
    const [layer] = await blobsOf(room.path("from"));
    const blob = { images: [`${place}@${layer}`], blobs: true };
    assertEquals((await removeImages(blob, { ...context, dryRun: true })).changed, true);
    assertEquals((await removeImages(blob, context)).changed, true);
    assertEquals((await removeImages(blob, context)).changed, false);
  },
);
Deno.test("removeImages() takes one tag of a registry away, and the others of its digest stay", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  const place = `docker://${registry.host}/a`;
  await writeImage(room.path("from"), "v1", { layers: ["a"] });
  for (const tag of ["v1", "v2"]) await room.sync(`oci:${room.path("from")}:v1`, `${place}:${tag}`);
  await removeImages({ images: [`${place}:v1`] }, contextOf(room));
  assertEquals((await listImages({ place }, contextOf(room))).tags, ["v2"]);
});

realTest("removeImages() tells who may not delete the scope that is lacking", [
  "docker-registry",
  "htpasswd",
], async () => {
  await using room = await ImageRoom.make();
  await using registry = await startRegistry({ htpasswd: { user: "me", password: "pass" } });
  const images = [`docker://${registry.host}/a:v1`];
  const error = await assertRejects(
    () => removeImages({ images }, contextOf(room)),
    NotAllowedError,
  );
  assertEquals([error.exitCode, error.data?.["status"]], [5, 401]);
});

Deno.test("image:rm prints what it removed", async () => {
  await using room = await ImageRoom.make();
  const folder = room.path("layout");
  for (const tag of ["a", "b"]) await writeImage(folder, tag, { layers: [tag] });
  const options = { cacheDir: room.path("cache") };
  const done = await runKedge(["image:rm", `oci:${folder}:a`, `oci:${folder}:c`], options);
  assertEquals(
    [done.code, done.stdout],
    [0, `oci:${folder}:a\noci:${folder}:c was not there\n`],
    done.stderr,
  );
  assertEquals(await tagsOf(folder), ["b"]);
  assertEquals((await runKedge(["image:rm", `oci:${folder}`], options)).code, 2);
  const offline = await runKedge(["--offline", "image:rm", "docker://a.dev/b:c"], options);
  assertEquals(offline.code, 2);
  assertStringIncludes(offline.stderr, 'Cannot remove "docker://a.dev/b:c" offline');
});
