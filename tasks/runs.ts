import { checkOptions } from "../lib/base/check_options.ts";
import { UsageError } from "../lib/base/errors.ts";
import type { OperationRow, RunRow, StepRow } from "../lib/journal/journal_rows.ts";
import type { TaskContext, TaskContextOptions } from "../lib/runner/context.ts";

/** Options of {@linkcode listRuns}. */
export interface ListRunsOptions {
  /** The most runs that are listed, a whole number of at least 1. @default {50} */
  limit?: number | undefined;
}

/** Options of {@linkcode showRun}. */
export interface ShowRunOptions {
  /** Its id, or the beginning of its id. */
  id: string;
}

/** A run with its operations. */
export interface ShownRun extends RunRow {
  /** Its operations, in order, each with its steps. */
  operations: (OperationRow & {
    /** Its steps, in order. */
    steps: StepRow[];
  })[];
}

/**
 * Lists the latest runs of the journal, newest first. A warning tells of each whose record is damaged, which is left out.
 *
 * @throws {UsageError} if the limit is not a whole number of at least 1
 * @throws {KedgeError} if the journal cannot be read
 *
 * @example
 * ```ts
 * import { listRuns } from "@kedge/kedge";
 * import { Cache } from "@kedge/kedge/cache";
 *
 * const runs = await listRuns({ limit: 10 }, { cache: new Cache(await Deno.makeTempDir()) });
 * console.log(runs.length);
 * ```
 */
export async function listRuns(
  options: ListRunsOptions = {},
  ctx: TaskContextOptions = {},
): Promise<RunRow[]> {
  checkOptions(options, {});
  const { limit = 50 } = options;
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new UsageError(`Cannot list runs: "limit" must not be ${limit}`);
  }
  const { journal, report } = await contextOf(ctx);
  return journal.runs(limit, (run, state) => {
    const operation = { operation: crypto.randomUUID(), kind: "runs", subject: "the journal" };
    const message = `Cannot list the run "${run}": ${state}`;
    report({ ...operation, type: "note", level: "warning", message });
  });
}

/**
 * Shows one run with its operations and their steps.
 *
 * @throws {UsageError} if no run has this id, or several ids begin with it
 * @throws {KedgeError} if the journal cannot be read
 *
 * @example
 * ```ts
 * import { listRuns, showRun } from "@kedge/kedge";
 *
 * export async function lastFailure(): Promise<string[]> {
 *   const failed = (await listRuns()).find(({ exitCode }) => exitCode !== 0);
 *   if (failed === undefined) return [];
 *   const { operations } = await showRun({ id: failed.id });
 *   return operations.map(({ kind, subject }) => `${kind} ${subject}`);
 * }
 * ```
 */
export async function showRun(
  options: ShowRunOptions,
  ctx: TaskContextOptions = {},
): Promise<ShownRun> {
  checkOptions(options, { id: "text" });
  const { journal } = await contextOf(ctx);
  if (!/^[0-9a-f-]+$/.test(options.id)) {
    throw new UsageError(`Cannot show the run ${JSON.stringify(options.id)}: it is not an id`, {
      hint: "`runs` lists the ids",
    });
  }
  const found = journal.runsBeginning(options.id);
  const [run] = found;
  if (run === undefined || found.length > 1) {
    const state = run === undefined ? "there is no such run" : "several ids begin with it";
    throw new UsageError(`Cannot show the run "${options.id}": ${state}`, {
      hint: "`runs` lists the ids",
    });
  }
  const operations = journal.operations(run.id)
    .map((operation) => ({ ...operation, steps: journal.steps(operation.id) }));
  return { ...run, operations };
}

async function contextOf(ctx: TaskContextOptions): Promise<TaskContext> {
  const { resolveContext } = await import("../lib/runner/context.ts");
  return resolveContext(ctx);
}
