/** What is attached to the images of a layout passes for none of them, and goes with them, not before. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { Layout, nameOf } from "../../../lib/oci/layout/layout.ts";
import { cosignTags, referrersTag } from "../../../lib/oci/referrers.ts";
import { collectImages } from "../../../tasks/image/gc.ts";
import { inspectImage } from "../../../tasks/image/inspect.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { attachSignature, blobsOf, writeImage, writeIndex } from "../../support/layout.ts";
import { runKedge } from "../../support/program.ts";
import { fillDisk, mountSmallDisk } from "../../support/small_disk.ts";
import { realTest } from "../../support/real.ts";

/** Older than anything is. */
const graceMs = -60_000;

async function namesOf(folder: string): Promise<(string | undefined)[]> {
  return (await new Layout(folder).entries()).map(nameOf).sort();
}

/** An image with a signature that is signed itself, and one of cosign's. */
async function writeSigned(folder: string, tag: string): Promise<Descriptor> {
  const layout = new Layout(folder);
  const { digest } = await writeImage(folder, tag, { layers: [tag] });
  const image = (await layout.find(tag))!;
  await attachSignature(layout, await attachSignature(layout, image));
  await writeImage(folder, cosignTags(digest)[0]!, { layers: [`cosign of ${tag}`] });
  return image;
}

Deno.test("collectImages() removes with an image what is attached to it, and what is attached to that", async () => {
  await using room = await ImageRoom.make();
  const [folder, alone] = [room.path("layout"), room.path("alone")];
  await writeSigned(alone, "v2");
  await writeSigned(folder, "v1");
  await writeSigned(folder, "v2");
  const layout = `oci:${folder}`;
  const collect = (dryRun: boolean, options = {}) =>
    collectImages({ layout, graceMs, untag: ["v1"], ...options }, { ...room.context, dryRun });
  const before = await namesOf(folder);
  const planned = await collect(true);
  assertEquals(await namesOf(folder), before);
  const young = await collect(false, { graceMs: undefined });
  assertEquals(young.removed, []);
  assertEquals(await namesOf(folder), before.filter((name) => name !== "v1"));
  const { removed, bytesFreed, kept } = await collect(false);
  assertEquals({ ...planned, removed, bytesFreed, kept }, planned);
  assertEquals(await namesOf(folder), await namesOf(alone));
  assertEquals(await blobsOf(folder), await blobsOf(alone));
});

Deno.test("collectImages() keeps what is attached to an old image to which something is just being attached", async () => {
  await using room = await ImageRoom.make();
  const folder = room.path("layout");
  const layout = new Layout(folder);
  const image = await writeSigned(folder, "v1");
  await layout.drop((entry) => nameOf(entry) === "v1");
  const later = Date.now() / 1000 + 1_000_000;
  const list = referrersTag(image.digest);
  const listed = (await layout.find(list))!;
  const [signature] = (await layout.manifest(listed.digest))!.manifests;
  await Deno.utime(layout.blobPath(signature!.digest), later, later);
  await collectImages({ layout: `oci:${folder}`, graceMs }, room.context);
  assertEquals(await layout.find(list), listed);
});

Deno.test("collectImages() keeps what is attached to a part of an index, and to what is not in the layout", async () => {
  await using room = await ImageRoom.make();
  const folder = room.path("layout");
  await writeSigned(folder, "part");
  await writeIndex(folder, "all", [{ layers: ["part"] }]);
  await writeImage(folder, referrersTag(sha256("elsewhere")), { layers: ["of elsewhere"] });
  const before = await namesOf(folder);
  const { removed } = await collectImages(
    { layout: `oci:${folder}`, graceMs, untag: ["part"] },
    room.context,
  );
  assertEquals(removed, []);
  assertEquals(await namesOf(folder), before.filter((name) => name !== "part"));
});

realTest(
  "collectImages() makes the room for an index without what is attached, on a disk that is full",
  ["root"],
  async () => {
    await using room = await ImageRoom.make();
    await using disk = await mountSmallDisk(room.path("disk"), 1_000_000);
    const folder = join(disk.dir, "layout");
    await writeSigned(folder, "v1");
    await new Layout(folder).drop((entry) => nameOf(entry) === "v1");
    await fillDisk(join(disk.dir, "full"));
    await collectImages({ layout: `oci:${folder}`, graceMs }, room.context);
    assertEquals([await namesOf(folder), await blobsOf(folder)], [[], []]);
  },
);

Deno.test("a layout of one image is read without a name, and its tags are told as near, whatever is attached", async () => {
  await using room = await ImageRoom.make();
  const [folder, other] = [room.path("layout"), room.path("other")];
  const { digest } = await writeSigned(folder, "v1");
  const inspect = (image: string) => inspectImage({ image }, room.context);
  assertEquals((await inspect(`oci:${folder}`)).digest, digest);
  const refusal = async (image: string) => {
    const { message, hint } = await assertRejects(() => inspect(image), KedgeError);
    return [message, hint];
  };
  assertEquals(await refusal(`oci:${folder}:v2`), [
    `Cannot find "oci:${folder}:v2": the layout has no such tag`,
    "the nearest tags are v1",
  ]);
  await writeSigned(folder, "v3");
  assertEquals(await refusal(`oci:${folder}`), [
    `Cannot find "oci:${folder}": the layout has 2 images, and none was named`,
    "the nearest tags are v1, v3",
  ]);
  await using registry = new FakeRegistry({ quirks: ["no-referrers"] });
  const there = `docker://${registry.host}/a`;
  await room.sync(`oci:${folder}:v1`, `${there}:v1`, { referrers: true });
  assertEquals((await refusal(`${there}:v2`))[1], "the nearest tags are v1");
  await writeImage(other, referrersTag(digest), { layers: ["alone"] });
  assertEquals((await inspect(`oci:${other}`)).images.length, 1);
});

realTest(
  "a dry run of image:gc finds, as the run does, that what is attached to an image cannot be taken out",
  ["bound"],
  async () => {
    await using room = await ImageRoom.make();
    const folder = room.path("layout");
    await writeSigned(folder, "v1");
    await new Layout(folder).drop((entry) => nameOf(entry) === "v1");
    await Deno.chmod(folder, 0o555);
    for (const more of [["--dry-run"], []]) {
      const { code, stderr } = await runKedge(
        ["image:gc", `oci:${folder}`, "--grace=0s", ...more],
        { cacheDir: room.path("cache"), bound: true },
      );
      assertEquals(code, 5, stderr);
    }
  },
);
