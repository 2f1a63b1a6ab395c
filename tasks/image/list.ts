import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { CopiedImage, CopyImagesOptions } from "./copy_options.ts";

/** An image, or the tags of a repository, and where they go. */
export interface ImageToSync {
  /** Where it is: `docker://host/repository[:tag][@digest]` or `oci:folder[:tag]`; without a tag where `tags` is given. */
  from: string;
  /** Where it goes, or all the places where it goes, engines too; each blob is read once. */
  to: string | readonly string[];
  /**
   * Which tags are wanted: a regular expression that a whole tag matches, or `semver:` and a range: `>=1.2 <2`, `^1.2`, `~1.2`, `1.x`,
   * `1.2 - 1.4`, alternatives after `||`. A tag is a version with or without a `v`, and what it lacks counts as 0: `v1.2` is 1.2.0. A
   * prerelease (`1.3.0-rc.1`, `1.3-alpine`) fits only a range that names a prerelease of the same version.
   */
  tags?: string | undefined;
}

/** Options of {@linkcode syncImages}. */
export interface SyncImagesOptions extends CopyImagesOptions {
  /** The images. */
  images: readonly ImageToSync[];
  /**
   * Whether images that fail are left out, and the others brought where they belong all the same; what failed is told as soon as it is
   * known, and thrown in the end. Without it nothing more is begun after the first failure.
   *
   * @default {`--keep-going` of the run}
   */
  keepGoing?: boolean | undefined;
}

/** What {@linkcode syncImages} gives. */
export interface SyncImagesResult extends Figures {
  /** The images, in their order. */
  images: readonly CopiedImage[];
  /**
   * Bytes of the images that were there already. Of what a registry has unchanged this is the manifest, and of what it points to only as much
   * as is known without a request more: of an image that stands in another registry, nothing.
   */
  bytesReused: number;
}

/**
 * Brings images to where they belong, in one operation: blobs that several of them share are moved once, and no tag moves before all
 * blobs have arrived. What several destinations want of a registry is read once, into the cache folder, which needs the room meanwhile;
 * after a failure the next call goes on with what lies there.
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
 * @throws {AggregateError} all failures, with `keepGoing`
 * @throws the errors of {@linkcode syncImage}
 */
export async function syncImages(
  options: SyncImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<SyncImagesResult> {
  const { collectingAfter, runSyncImages } = await import("./list_sync.ts");
  return await collectingAfter(ctx, (context) => runSyncImages(options, context));
}
