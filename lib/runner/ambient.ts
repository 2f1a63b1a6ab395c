import type { TaskContextOptions } from "./context.ts";

/** What a run gives to task functions that its tasks call without their context. */
export interface Ambient {
  /** The cache folder of the run. */
  readonly cacheDir: string;
  /** The flags of the run, and who hears of it. */
  readonly context: Omit<TaskContextOptions, "cache" | "$">;
}

let current: Ambient | undefined;

/** The run that is under way in this process, if one is. */
export function ambientRun(): Ambient | undefined {
  return current;
}

/**
 * Makes a run the one that counts where no context is passed, until disposed of: `--dry-run` and `--offline` hold for all that its tasks
 * do, whether they pass their context on or forget it.
 */
export function enterRun(run: Ambient): Disposable {
  const before = current;
  current = run;
  return { [Symbol.dispose]: () => void (current = before) };
}
