import { assertEquals, assertRejects } from "@std/assert";
import { VerificationError } from "../../../lib/base/errors.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { readContents } from "../../../lib/oci/image_contents.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { LayoutSource } from "../../../lib/oci/layout/layout_source.ts";
import { MediaType } from "../../../lib/oci/media_type.ts";
import { inFolder } from "../../support/in_folder.ts";
import { putContent, writeImage } from "../../support/layout.ts";

/** Puts an image below so many indexes, one within the other. */
async function nest(folder: string, tag: string, indexes: number): Promise<Descriptor> {
  let root = await writeImage(folder, undefined, { layers: ["one"] });
  for (let count = 0; count < indexes; count++) {
    const text = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [root] };
    root = await putContent(folder, JSON.stringify(text), MediaType.ociIndex);
  }
  await new Layout(folder).point(tag, root);
  return root;
}

Deno.test("readContents() refuses indexes that are nested too deep, rather than tell a part of them", () =>
  inFolder(async (folder) => {
    const read = (tag: string) => {
      const source = new LayoutSource({ transport: "oci", folder, tag });
      return readContents(source, new AbortController().signal);
    };
    await nest(folder, "deep", 8);
    const { images, objects } = await read("deep");
    assertEquals([images.length, objects.size], [1, 11]);
    await nest(folder, "deeper", 9);
    await assertRejects(() => read("deeper"), VerificationError, "nested more than 8 deep");
  }));
