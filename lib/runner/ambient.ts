/**
 * The run in which task functions are that are called without a context.
 *
 * Invariant: of two tasks of a run that are under way at the same time, what each of them calls is ended with that task, also after an `await`.
 *
 * @module
 */
import type { AsyncLocalStorage } from "node:async_hooks";
import type { TaskContextOptions } from "./context.ts";

/** What a run gives to task functions that its tasks call without their context. */
export interface Ambient {
  /** The cache folder of the run. */
  readonly cacheDir: string;
  /** The flags of the run, and who hears of it. */
  readonly context: Omit<TaskContextOptions, "cache" | "$">;
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

let current: Ambient | undefined;
const underWay = new Set<Ambient>();
let tasks: AsyncLocalStorage<AmbientTask> | undefined;

/** The run that is under way in this process, if one is; to what a task calls, with the signal of that task. */
export function ambientRun(): Ambient | undefined {
  const task = tasks?.getStore();
  return task !== undefined && underWay.has(task.run) ? task : current;
}

/** The run to which it belongs: what all its tasks share is kept by that. */
export function wholeRun(ambient: Ambient): Ambient {
  return "run" in ambient ? (ambient as AmbientTask).run : ambient;
}

/**
 * Calls the functions of a task, so that what they call without a context is ended with it.
 *
 * @param needed whether the task may end otherwise than its run; the first one that may costs a program some milliseconds
 */
export function withinTask<T>(
  task: { label: string; signal: AbortSignal },
  needed: boolean,
  call: () => Promise<T>,
): Promise<T> {
  const run = current;
  if (run === undefined || !needed && tasks === undefined) return call();
  tasks ??= newStorage();
  const { label, signal } = task;
  const report: TaskContextOptions["report"] = (event) => {
    const told = { ...event, task: label };
    run.context.report?.(told);
  };
  return tasks.run({ ...run, run, context: { ...run.context, signal, report } }, call);
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
  const before = current;
  current = run;
  underWay.add(run);
  return {
    [Symbol.dispose]: () => {
      current = before;
      underWay.delete(run);
    },
  };
}
