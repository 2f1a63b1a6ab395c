import type { Garbage } from "../../lib/oci/layout/collect_garbage.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";

/** Options of {@linkcode collectImages}. */
export interface CollectImagesOptions {
  /** The layout: `oci:folder`. */
  layout: string;
  /** Names that are taken out first, so that what only they lead to goes too. */
  untag?: readonly string[] | undefined;
  /** How old a blob must be to be removed, in milliseconds. @default {3_600_000} */
  graceMs?: number | undefined;
}

/** What {@linkcode collectImages} removed. */
export interface CollectImagesResult extends Garbage {
  /** Whether anything was, or would be, removed. */
  changed: boolean;
  /** The names that were, or would be, taken out. */
  untagged: string[];
  /** The evidence, in one sentence. */
  why: string;
  /** Whether it was only counted. */
  dryRun: boolean;
}

/**
 * Removes from a layout the blobs that no name leads to, and with an image what is attached to it: signatures, lists of parts, and what
 * cosign keeps under tags. Young blobs stay: another process may be about to name them.
 *
 * @throws {UsageError} if the place is no layout reference, or another option is not what it must be
 * @throws {NotAllowedError} if this user may not read or write a file
 * @throws {NoRoomError} if the disk has no room for the new index of a layout
 * @throws {KedgeError} if there is no layout in that folder
 * @throws {VerificationError} if a manifest is damaged, so that what it leads to cannot be known
 */
export async function collectImages(
  options: CollectImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<CollectImagesResult> {
  const { runCollectImages } = await import("./collecting.ts");
  return await runCollectImages(options, ctx);
}
