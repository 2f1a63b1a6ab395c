/** An image that others named by another algorithm than sha256: it stays where it is, and whoever wants something of it is told what to do. */
import { assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { join } from "@std/path";
import { VerificationError } from "../../../../lib/base/errors.ts";
import type { Descriptor } from "../../../../lib/oci/descriptor.ts";
import { syncImage } from "../../../../tasks/image/image.ts";
import { collectImages } from "../../../../tasks/image/gc.ts";
import { removeImages } from "../../../../tasks/image/rm.ts";
import { ImageRoom } from "../../../support/image_room.ts";
import { blobsOf, putContent, writeImage } from "../../../support/layout.ts";

const hint = "only sha256 is supported: have the image made, or pushed, with that";

/** Names an image of a layout by its sha512 too, with such a name or none. */
async function nameBySha512(folder: string, image: Descriptor, name?: string): Promise<void> {
  const bytes = await Deno.readFile(join(folder, "blobs", "sha256", image.digest.slice(7)));
  const hex = createHash("sha512").update(bytes).digest("hex");
  await Deno.mkdir(join(folder, "blobs", "sha512"), { recursive: true });
  await Deno.writeFile(join(folder, "blobs", "sha512", hex), bytes);
  const path = join(folder, "index.json");
  const index = JSON.parse(await Deno.readTextFile(path));
  const annotations = name === undefined ? {} : { "org.opencontainers.image.ref.name": name };
  index.manifests.push({ ...image, digest: `sha512:${hex}`, annotations });
  await Deno.writeTextFile(path, JSON.stringify(index));
}

async function refusal(run: () => Promise<unknown>): Promise<string> {
  const { message, hint } = await assertRejects(run, VerificationError);
  return `${message}\nhint: ${hint}`.replace(/sha512:[0-9a-f]+/g, "sha512:…");
}

Deno.test("image:gc tells of an image that is named by sha512 what to do, removes nothing, and goes on once it is gone", async () => {
  await using room = await ImageRoom.make();
  const folder = room.path("made");
  const image = await writeImage(folder, "v1", { layers: ["x"] });
  await putContent(folder, "garbage", "text/plain");
  await nameBySha512(folder, image, "big");
  const before = await blobsOf(folder);
  const collect = () => collectImages({ layout: `oci:${folder}`, graceMs: -1000 }, room.context);
  const start = `Cannot collect the garbage of "${folder}": it names an image by "sha512:…", ` +
    "which is not sha256\nhint: ";
  assertEquals(
    await refusal(collect),
    `${start}take that one away (image:rm oci:${folder}:big), or collect with the tool that wrote it`,
  );
  assertEquals(await blobsOf(folder), before);
  await removeImages({ images: [`oci:${folder}:big`] }, room.context);
  await collect();
  assertEquals((await blobsOf(folder)).length, before.length - 1);
  await nameBySha512(folder, image);
  assertEquals(await refusal(collect), `${start}collect it with the tool that wrote that`);
});

Deno.test("syncImage() refuses an image and a layer that are named by sha512, with what to do", async () => {
  await using room = await ImageRoom.make();
  const folder = room.path("made");
  const image = await writeImage(folder, "v1", { layers: ["x"] });
  await nameBySha512(folder, image, "big");
  const layers = [{ mediaType: "text/plain", digest: `sha512:${"a".repeat(128)}`, size: 1 }];
  const { digest } = await writeImage(folder, "layer", { layers: ["x"], extra: { layers } });
  const sync = (name: string) => () =>
    syncImage({ from: `oci:${folder}:${name}`, to: `oci:${room.path("to")}` }, room.context);
  assertEquals(
    await refusal(sync("big")),
    `Cannot read a blob of "${folder}": the digest "sha512:…" is not sha256\nhint: ${hint}`,
  );
  const path = join(folder, "blobs", "sha256", digest.slice(7));
  assertEquals(
    await refusal(sync("layer")),
    `Cannot read the manifest of "${path}": the digest "sha512:…" is not sha256 (at layers.0.digest)\nhint: ${hint}`,
  );
  // What is named by sha256 beside them goes its way.
  assertEquals((await syncImageOf(room, folder)).digest, image.digest);
});

function syncImageOf(room: ImageRoom, folder: string) {
  return syncImage({ from: `oci:${folder}:v1`, to: `oci:${room.path("to")}` }, room.context);
}
