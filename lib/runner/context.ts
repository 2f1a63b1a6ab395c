/**
 * What a task function runs in. Every part has a default, so that `cacheKexec(options)` works alone.
 *
 * @module
 */
import { UsageError } from "../base/errors.ts";
import { ambientRun } from "./ambient.ts";
import { contextWithin } from "./context_within.ts";
import type { TaskContext, TaskContextOptions } from "./task_context.ts";

export type { TaskContext, TaskContextOptions } from "./task_context.ts";

/**
 * The whole context, defaults filled in: those of the run that is under way in this process, else a signal that never fires, the
 * user's cache folder, no reports.
 *
 * @throws {UsageError} if it is not an object, or is offline and something is to be refreshed
 */
export function resolveContext(given: TaskContextOptions = {}): TaskContext {
  if (typeof given !== "object" || given === null) {
    throw new UsageError(`Cannot use ${String(given)} as the context: it must be an object`);
  }
  return contextWithin(ambientRun(), given);
}
