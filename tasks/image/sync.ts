/**
 * Images between registries and layouts, only what changed.
 *
 * @module
 */
import { checkOptions } from "../../lib/base/check_options.ts";
import { parseDestination } from "../../lib/oci/engine_reference.ts";
import { parseReference } from "../../lib/oci/reference.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { copyShapes } from "./checks.ts";
import { copyImages } from "./copies.ts";
import type { SyncImageOptions, SyncImageResult } from "./image.ts";

export { collectingAfter } from "../shared/collecting_after.ts";

/** Does the work of `syncImage`. */
export async function runSyncImage(
  options: SyncImageOptions,
  ctx: TaskContextOptions = {},
): Promise<SyncImageResult> {
  checkOptions(options, { from: "text", to: "text" }, copyShapes);
  const context = resolveContext(ctx);
  const image = { from: parseReference(options.from), to: [parseDestination(options.to)] };
  const { images, ...figures } = await copyImages([image], options, context);
  const { reference, digest, mediaType } = images[0]!;
  return { reference, digest, mediaType, ...figures };
}
