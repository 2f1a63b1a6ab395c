import { checkOptions } from "../../lib/base/check_options.ts";
import { UsageError } from "../../lib/base/errors.ts";
import { formatPlatform } from "../../lib/oci/platform.ts";
import { type ImageContents, readContents } from "../../lib/oci/image_contents.ts";
import type { ImageHosts } from "../../lib/oci/copy/image_hosts.ts";
import { listTags } from "../../lib/oci/copy/list_tags.ts";
import { formatReference, parseReference } from "../../lib/oci/reference.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../../lib/runner/context.ts";
import { openImageHosts } from "../shared/registries.ts";
import { registriesShapes } from "../shared/registry_rules.ts";
import { inWords } from "../shared/in_words.ts";
import { noteMeter } from "../shared/note_meter.ts";
import { checkOffline } from "./checks.ts";
import type {
  DiffImagesOptions,
  DiffImagesResult,
  ImageObject,
  InspectImageOptions,
  InspectImageResult,
  ListImagesOptions,
  ListImagesResult,
} from "./inspect.ts";

/** Does the work of `inspectImage`. */
export async function runInspectImage(
  options: InspectImageOptions,
  ctx: TaskContextOptions = {},
): Promise<InspectImageResult> {
  checkOptions(options, { image: "text" }, registriesShapes);
  const context = resolveContext(ctx);
  const reference = parseReference(options.image);
  checkOffline(context, "read", reference);
  const meter = noteMeter(context, "image", options.image);
  using hosts = await openImageHosts(options, context, { meter });
  const { root, images, objects } = await read(options.image, hosts, context);
  return {
    reference: formatReference({ ...reference, digest: root.digest }),
    digest: root.digest,
    mediaType: root.mediaType,
    size: [...objects.values()].reduce((sum, { size }) => sum + size, 0),
    images: images.map(({ manifest, platform }) => ({
      digest: manifest.digest,
      ...(platform === undefined ? {} : { platform: formatPlatform(platform) }),
      blobs: manifest.blobs.map(toObject),
    })),
  };
}

/** Does the work of `diffImages`. */
export async function runDiffImages(
  options: DiffImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<DiffImagesResult> {
  checkOptions(options, { a: "text", b: "text" }, registriesShapes);
  const context = resolveContext(ctx);
  checkOffline(context, "read", parseReference(options.a), parseReference(options.b));
  const meter = noteMeter(context, "image", options.a);
  using hosts = await openImageHosts(options, context, { meter });
  const [a, b] = await Promise.all([
    read(options.a, hosts, context),
    read(options.b, hosts, context),
  ]);
  const [shared, onlyA, onlyB] = [
    pick(a, (digest) => b.objects.has(digest)),
    pick(a, (digest) => !b.objects.has(digest)),
    pick(b, (digest) => !a.objects.has(digest)),
  ];
  return {
    shared,
    onlyA,
    onlyB,
    bytesShared: sizeOf(shared),
    bytesOnlyA: sizeOf(onlyA),
    bytesOnlyB: sizeOf(onlyB),
  };
}

/** Does the work of `listImages`. */
export async function runListImages(
  options: ListImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<ListImagesResult> {
  checkOptions(options, { place: "text" }, registriesShapes);
  const context = resolveContext(ctx);
  const reference = parseReference(options.place);
  if (reference.tag !== undefined || reference.digest !== undefined) {
    throw new UsageError(`Cannot list the tags of "${options.place}": it names one image of them`, {
      hint: "leave out the tag and the digest",
    });
  }
  checkOffline(context, "list", reference);
  const meter = noteMeter(context, "image", options.place);
  using hosts = await openImageHosts(options, context, { meter });
  const tags = await inWords(`list "${options.place}"`, () => listTags(reference, hosts));
  return { tags };
}

async function read(
  image: string,
  hosts: ImageHosts,
  { signal }: TaskContext,
): Promise<ImageContents> {
  const reference = parseReference(image);
  return await inWords(
    `read "${image}"`,
    async () => readContents(await hosts.source(reference), signal),
  );
}

function pick(contents: ImageContents, keep: (digest: string) => boolean): ImageObject[] {
  return [...contents.objects.values()].filter(({ digest }) => keep(digest)).map(toObject);
}

function toObject({ digest, mediaType, size }: ImageObject): ImageObject {
  return { digest, mediaType, size };
}

function sizeOf(objects: readonly ImageObject[]): number {
  return objects.reduce((sum, { size }) => sum + size, 0);
}
