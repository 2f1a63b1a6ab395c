import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { CopiedImage, CopyImagesOptions } from "./copy_options.ts";

/** An image, or the tags of a repository, and their destinations. */
export interface ImageToSync {
  /** The source: `docker://host/repository[:tag][@digest]` or `oci:folder[:tag]`; without a tag if `tags` is given. */
  from: string;
  /** The destination or destinations, which may be engines too; each blob is read once for all. */
  to: string | readonly string[];
  /**
   * Which tags are copied: a regular expression that must match the whole tag, or `semver:` and a range: `>=1.2 <2`, `^1.2`, `~1.2`, `1.x`,
   * `1.2 - 1.4`, with `||` between alternatives. A tag counts as a version with or without a `v`, and missing parts count as 0: `v1.2` is
   * 1.2.0. A prerelease (`1.3.0-rc.1`, `1.3-alpine`) matches only a range that names a prerelease of the same version.
   */
  tags?: string | undefined;
}

/** Options of {@linkcode syncImages}. */
export interface SyncImagesOptions extends CopyImagesOptions {
  /** The images. */
  images: readonly ImageToSync[];
  /**
   * Whether the other images are copied if some fail; each failure is reported at once, and all are thrown in the end. Without it nothing
   * more is begun after the first failure.
   *
   * @default {`--keep-going` of the run}
   */
  keepGoing?: boolean | undefined;
}

/** What {@linkcode syncImages} gives. */
export interface SyncImagesResult extends Figures {
  /** The images, in the order of the options. */
  images: readonly CopiedImage[];
  /**
   * Bytes of the images that were at the destinations already. Of an unchanged image, only what is known without a further request is counted:
   * the manifest, and of what it points to nothing if both sides are registries.
   */
  bytesReused: number;
}

/**
 * Copies a list of images in one operation: blobs that several of them share are moved once, and no tag moves before all blobs have arrived.
 *
 * What several destinations need from a registry is read once, into the cache folder, which needs room for it meanwhile. After a failure,
 * the next call continues with what is there.
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
 * @throws {UsageError} if a reference or `tags` is malformed
 * @throws {KedgeError} if no tag matches
 * @throws {AggregateError} of all failures, with `keepGoing`
 * @throws the errors of {@linkcode syncImage}
 */
export async function syncImages(
  options: SyncImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<SyncImagesResult> {
  const { collectingAfter, runSyncImages } = await import("./list_sync.ts");
  return await collectingAfter(ctx, (context) => runSyncImages(options, context));
}
