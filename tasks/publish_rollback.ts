import type { Figures } from "../lib/operation/figures.ts";
import type { TaskContextOptions } from "../lib/runner/context.ts";

/** Options of {@linkcode publishRollback}. */
export interface PublishRollbackOptions {
  /** The package. */
  name: string;
  /** The catalog whose pointer is moved back. */
  catalog: string;
  /** The version to go back to. @default {the one that was current before} */
  version?: string | undefined;
  /** The system. @default {that of this machine} */
  system?: string | undefined;
}

/** What was rolled back. */
export interface PublishRollbackResult extends Figures {
  /** The id of the entry that is current now. */
  id: string;
  /** The version that was current before. */
  from: string;
}

/**
 * Moves a catalog's pointer back to an earlier version, after every store of it was proven to hold it still.
 *
 * @throws {UsageError} if there is no version to go back to
 * @throws {IncompleteError} if a store has lost something of it
 * @throws {CatalogConflictError} if somebody else moved the pointer meanwhile
 */
export async function publishRollback(
  options: PublishRollbackOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishRollbackResult> {
  const { runPublishRollback } = await import("./publish_rollback_operation.ts");
  return await runPublishRollback(options, ctx);
}
