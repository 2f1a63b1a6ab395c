import { UsageError } from "../lib/base/errors.ts";
import { collectGarbage, type Garbage } from "../lib/oci/collect_garbage.ts";
import { Layout } from "../lib/oci/layout.ts";
import { parseReference } from "../lib/oci/reference.ts";
import { resolveContext, type TaskContextOptions } from "../lib/runner/context.ts";

/** Options of {@linkcode collectImages}. */
export interface CollectImagesOptions {
  /** The layout: `oci:folder`. */
  layout: string;
  /** Names that are taken out first, so that what only they lead to goes too. */
  untag?: readonly string[] | undefined;
  /** How old a blob must be to be removed, in milliseconds. @default {3_600_000} */
  graceMs?: number | undefined;
}

/**
 * Removes from a layout the blobs that no name leads to. Young blobs stay: another process may be about to name them.
 *
 * @throws {UsageError} if the place is no layout reference
 * @throws {VerificationError} if a manifest is damaged, so that what it leads to cannot be known
 */
export async function collectImages(
  options: CollectImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<Garbage> {
  const { dryRun, signal } = resolveContext(ctx);
  const reference = parseReference(options.layout);
  if (reference.transport !== "oci" || reference.tag !== undefined) {
    throw new UsageError(`Cannot collect "${options.layout}": it is no layout`, {
      hint: "write oci:FOLDER",
    });
  }
  const layout = new Layout(reference.folder);
  for (const name of dryRun ? [] : options.untag ?? []) await layout.unpoint(name);
  const { graceMs, untag: without } = options;
  return await collectGarbage(layout, { graceMs, without, dryRun, signal });
}
