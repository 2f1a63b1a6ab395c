/**
 * Many images in one go: by name, by tag, to several places.
 *
 * @module
 */
import { KedgeError, UsageError } from "../lib/base/errors.ts";
import { ImageHosts } from "../lib/oci/image_hosts.ts";
import { listTags } from "../lib/oci/list_tags.ts";
import { formatReference, type ImageReference, parseReference } from "../lib/oci/reference.ts";
import { parseTagFilter } from "../lib/oci/tag_filter.ts";
import type { Figures } from "../lib/operation/figures.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../lib/runner/context.ts";
import {
  type CopiedImage,
  copyImages,
  type CopyImagesOptions,
  type ImageRoute,
} from "./image_copies.ts";

/** An image, or the tags of a repository, and where they go. */
export interface ImageToSync {
  /** Where it is: `docker://host/repository[:tag][@digest]` or `oci:folder[:tag]`; without a tag where `tags` is given. */
  from: string;
  /** Where it goes, or all the places where it goes; each blob is read once. */
  to: string | readonly string[];
  /** Which tags are wanted: a regular expression that a whole tag matches, or `semver:` and a range. */
  tags?: string | undefined;
}

/** Options of {@linkcode syncImages}. */
export interface SyncImagesOptions extends CopyImagesOptions {
  /** The images. */
  images: readonly ImageToSync[];
}

/** What {@linkcode syncImages} gives. */
export interface SyncImagesResult extends Figures {
  /** The images, in their order. */
  images: readonly CopiedImage[];
}

/**
 * Brings images to where they belong, in one operation: blobs that several of them share are moved once, and no tag moves before all
 * blobs have arrived.
 *
 * @example
 * ```ts
 * import { syncImages } from "@kedge/kedge";
 *
 * async function mirror(): Promise<void> {
 *   await syncImages({
 *     images: [{ from: "docker://ghcr.io/acme/vm", tags: "semver:>=2", to: "oci:images/vm" }],
 *   });
 * }
 * ```
 *
 * @throws {UsageError} if a reference or a choice of tags is malformed
 * @throws {KedgeError} if no tag fits
 * @throws the errors of {@linkcode syncImage}
 */
export async function syncImages(
  options: SyncImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<SyncImagesResult> {
  const context = resolveContext(ctx);
  const routes: ImageRoute[] = [];
  for (const image of options.images) routes.push(...await routesOf(image, options, context));
  if (routes.length === 0) {
    throw new UsageError("Cannot sync no images: the list is empty");
  }
  return await copyImages(routes, options, context);
}

async function routesOf(
  image: ImageToSync,
  options: SyncImagesOptions,
  context: TaskContext,
): Promise<ImageRoute[]> {
  const from = parseReference(image.from);
  const to = [image.to].flat().map(parseReference);
  if (to.length === 0) throw new UsageError(`Cannot sync "${image.from}": it has no destination`);
  if (image.tags === undefined) return [{ from, to }];
  const fits = parseTagFilter(image.tags);
  for (const reference of [from, ...to]) checkBare(reference);
  using hosts = new ImageHosts({
    signal: context.signal,
    redactor: context.redactor,
    insecureRegistries: options.insecureRegistries,
  });
  const tags = (await listTags(from, hosts)).filter(fits);
  if (tags.length === 0) {
    throw new KedgeError(`Cannot sync "${image.from}": no tag fits ${JSON.stringify(image.tags)}`, {
      side: "source",
    });
  }
  return tags.map((tag) => ({ from: { ...from, tag }, to: to.map((each) => ({ ...each, tag })) }));
}

function checkBare(reference: ImageReference): void {
  if (reference.tag === undefined && reference.digest === undefined) return;
  throw new UsageError(
    `Cannot choose tags of "${formatReference(reference)}": it names one already`,
    { hint: "leave out the tag, or --tags" },
  );
}
