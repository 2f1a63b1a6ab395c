import type { Figures } from "../lib/operation/figures.ts";
import type { TaskContextOptions } from "../lib/runner/context.ts";

/** Options of {@linkcode publishPrune}. */
export interface PublishPruneOptions {
  /** The catalog that says what is live. */
  catalog: string;
  /** The `file://` stores that paths are deleted from. */
  stores: readonly string[];
  /** How many versions of each package and system stay beside the current one, newest first. */
  keep: number;
}

/** What was deleted. */
export interface PublishPruneResult extends Figures {
  /** The ids of the entries that the catalog forgot. */
  forgotten: readonly string[];
  /** For each store, how many paths and bytes went. */
  stores: readonly { store: string; paths: number; bytes: number }[];
}

/**
 * Makes the catalog forget old entries, then deletes from `file://` stores the paths that no live entry needs. What a publish in
 * progress counts on is pinned, and stays.
 *
 * @throws {UsageError} if a store is no folder, or `keep` no whole number
 */
export async function publishPrune(
  options: PublishPruneOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishPruneResult> {
  const { runPublishPrune } = await import("./publish_prune_operation.ts");
  return await runPublishPrune(options, ctx);
}
