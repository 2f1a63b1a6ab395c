/** A layout without a tag: what is meant is an image, and nothing that is attached to one. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { KedgeError } from "../../../../lib/base/errors.ts";
import type { Descriptor } from "../../../../lib/oci/descriptor.ts";
import { Layout } from "../../../../lib/oci/layout/layout.ts";
import { ImageRoom } from "../../../support/image_room.ts";
import { writeImage } from "../../../support/layout.ts";

/** Adds an entry without a name, as other tools do. */
async function addUnnamed(folder: string, entry: Descriptor): Promise<void> {
  const path = join(folder, "index.json");
  const index = JSON.parse(await Deno.readTextFile(path));
  const manifests = [...index.manifests, entry];
  await Deno.writeTextFile(path, JSON.stringify({ ...index, manifests }));
}

/** Attaches something to an image, as an entry without a name (oras does it so). */
async function attachUnnamed(folder: string, subject: Descriptor, content: string) {
  const signature = await writeImage(folder, undefined, { layers: [content], extra: { subject } });
  await addUnnamed(folder, signature);
}

Deno.test("Layout.find() means the only image where nothing but signatures has no name", async () => {
  await using room = await ImageRoom.make();
  const image = await writeImage(room.folder, "v1", { layers: ["an image"] });
  for (const content of ["a signature", "another"]) {
    await attachUnnamed(room.folder, image, content);
    assertEquals((await new Layout(room.folder).find(undefined))?.digest, image.digest);
  }
});

Deno.test("Layout.find() means the only image without a name, whatever is attached to it", async () => {
  await using room = await ImageRoom.make();
  await writeImage(room.folder, "v1", { layers: ["another"] });
  const image = await writeImage(room.folder, undefined, { layers: ["an image"] });
  await addUnnamed(room.folder, image);
  await attachUnnamed(room.folder, image, "a signature");
  const layout = new Layout(room.folder);
  assertEquals((await layout.find(undefined))?.digest, image.digest);
  await addUnnamed(room.folder, await writeImage(room.folder, undefined, { layers: ["third"] }));
  assertEquals(await layout.find(undefined), undefined);
});

Deno.test("Layout.find() means a signature where there is nothing else", async () => {
  await using room = await ImageRoom.make();
  const image = await writeImage(room.folder, undefined, { layers: ["an image"] });
  await attachUnnamed(room.folder, image, "a signature");
  const entry = await new Layout(room.folder).find(undefined);
  assertEquals(entry?.digest, (await new Layout(room.folder).entries())[0]?.digest);
});

Deno.test("syncImage() copies the image of a layout that has its signature without a name", async () => {
  await using room = await ImageRoom.make();
  const from = room.path("from");
  const image = await writeImage(from, "v1", { layers: ["an image"] });
  await attachUnnamed(from, image, "a signature");
  const done = await room.sync(`oci:${from}`, `oci:${room.path("to")}`, { referrers: true });
  assertEquals(done.digest, image.digest);
  await writeImage(from, "v2", { layers: ["another image"] });
  const copy = () => room.sync(`oci:${from}`, `oci:${room.path("to")}`);
  await assertRejects(copy, KedgeError, "none was named");
});
