/**
 * The run in which task functions are that are called without a context.
 *
 * Invariants: of two tasks of a run that are under way at the same time, what each of them calls is ended with that task, also after an `await`;
 * it belongs to the run of its task, whatever other runs begin and end in this process meanwhile.
 *
 * @module
 */
import type { AsyncLocalStorage } from "node:async_hooks";
import type { TaskContextOptions } from "./task_context.ts";
import type { LockfileChoice } from "./lockfile_choice.ts";

/** What a run gives to task functions that its tasks call without their context. */
export interface Ambient {
  /** The cache folder of the run. */
  readonly cacheDir: string;
  /** The flags of the run, and who hears of it. */
  readonly context: Omit<TaskContextOptions, "cache" | "lockfile" | "$">;
  /** Chooses the lockfile; asked when something takes it. */
  readonly lockfile: () => LockfileChoice | undefined;
}

/** What one task of a run gives. */
interface AmbientTask extends Ambient {
  /** Its run. */
  readonly run: Ambient;
}

interface Builtins {
  readonly process: {
    getBuiltinModule(name: "node:async_hooks"): typeof import("node:async_hooks");
  };
}

/** In the order in which they began. */
const underWay = new Set<Ambient>();
let tasks: AsyncLocalStorage<AmbientTask> | undefined;

/** The run that is under way in this process, if one is; to what a task calls, with the signal of that task, and what is to be asked again for it. */
export function ambientRun(): Ambient | undefined {
  const task = tasks?.getStore();
  return task !== undefined && underWay.has(task.run) ? task : [...underWay].at(-1);
}

/** The run to which it belongs: what all its tasks share is kept by that. */
export function wholeRun(ambient: Ambient): Ambient {
  return "run" in ambient ? (ambient as AmbientTask).run : ambient;
}

/**
 * Calls the functions of a task, so that what they call without a context is ended with it.
 *
 * @param task whether it is refreshed: all that it calls is, too
 * @param mayEndAlone whether the task may end otherwise than its run; the first one that has more than its run gives costs a program some milliseconds
 */
export function withinTask<T>(
  run: Ambient,
  task: { label: string; signal: AbortSignal; refreshed: boolean },
  mayEndAlone: boolean,
  call: () => Promise<T>,
): Promise<T> {
  const { label, signal, refreshed } = task;
  const needed = mayEndAlone || underWay.size > 1 ||
    refreshed && run.context.refresh !== "all";
  if (!needed && tasks === undefined) return call();
  tasks ??= newStorage();
  const refresh = refreshed ? "all" : run.context.refresh;
  const report: TaskContextOptions["report"] = (event) => {
    const told = { ...event, task: label };
    run.context.report?.(told);
  };
  return tasks.run({ ...run, run, context: { ...run.context, signal, refresh, report } }, call);
}

/** Loaded here: the first part of Node costs a program as much as its whole start. */
function newStorage(): AsyncLocalStorage<AmbientTask> {
  const { process } = globalThis as unknown as Builtins;
  return new (process.getBuiltinModule("node:async_hooks").AsyncLocalStorage)();
}

/**
 * Makes a run the one that counts where no context is passed, until disposed of: `--dry-run` and `--offline` hold for all that its tasks
 * do, whether they pass their context on or forget it.
 */
export function enterRun(run: Ambient): Disposable {
  underWay.add(run);
  return { [Symbol.dispose]: () => void underWay.delete(run) };
}
