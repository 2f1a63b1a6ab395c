/** Images of every kind, of which only some are wanted. @module */
import type { Descriptor } from "../../lib/oci/descriptor.ts";
import { Layout } from "../../lib/oci/layout/layout.ts";
import { MediaType } from "../../lib/oci/media_type.ts";
import { machinePlatform } from "../../lib/oci/platform.ts";
import { putContent, type TestImage, writeImage, writeIndex } from "./layout.ts";

/** How images are told apart: one alone, those of an index, of an index within one, and those of which only the configs say for what they are. */
export const imageKinds = ["image", "index", "nested index", "silent index"] as const;

/** Puts an image of a kind into a layout, with an image for this machine among others; the layer tells it from the last. */
export async function writeKind(
  folder: string,
  tag: string,
  kind: typeof imageKinds[number],
  layer: string,
): Promise<Descriptor> {
  const machine: TestImage = { layers: [layer], platform: machinePlatform() };
  const other: TestImage = {
    layers: [`${layer} of others`],
    platform: { os: "linux", architecture: "riscv64" },
  };
  if (kind === "image") return await writeImage(folder, tag, machine);
  if (kind === "index") return await writeIndex(folder, tag, [other, machine]);
  const manifests = kind === "nested index"
    ? [await writeIndex(folder, undefined, [other, machine])]
    : [await writeImage(folder, undefined, other), await writeImage(folder, undefined, machine)];
  const text = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
  const descriptor = await putContent(folder, text, MediaType.ociIndex);
  await new Layout(folder).point(tag, descriptor);
  return descriptor;
}
