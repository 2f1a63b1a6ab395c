import type { Garbage } from "../../lib/oci/layout/collect_garbage.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";

/** Options of {@linkcode collectImages}. */
export interface CollectImagesOptions {
  /** The layout: `oci:folder`. */
  layout: string;
  /** Tags that are removed first, so that what only they refer to is deleted too. */
  untag?: readonly string[] | undefined;
  /** The minimum age of a blob that is deleted, in milliseconds. @default {3_600_000} */
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
 * Deletes the blobs of a layout that no tag refers to.
 *
 * With an image goes what is attached to it: signatures, SBOMs and other referrers, and what cosign keeps under tags. Young blobs stay,
 * since another process may be about to refer to them.
 *
 * @throws {UsageError} if the place is not a layout reference, or another option has a wrong type or value
 * @throws {NotAllowedError} if this user may not read or write a file
 * @throws {NoRoomError} if the disk has no room for the new index of a layout
 * @throws {KedgeError} if there is no layout in that folder
 * @throws {VerificationError} if a manifest is damaged, so that it is not known what it refers to
 *
 * @example
 * ```ts
 * import { collectImages } from "@kedge/kedge";
 *
 * export async function drop(tag: string): Promise<number> {
 *   const { bytesFreed } = await collectImages({ layout: "oci:images/vm", untag: [tag] });
 *   return bytesFreed;
 * }
 * ```
 */
export async function collectImages(
  options: CollectImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<CollectImagesResult> {
  const { runCollectImages } = await import("./collecting.ts");
  return await runCollectImages(options, ctx);
}
