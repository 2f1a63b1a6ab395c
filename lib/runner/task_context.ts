import type { Redactor } from "../base/redactor.ts";
import type { Cache } from "../cache/cache.ts";
import type { Lockfile } from "../cache/lockfile.ts";
import type { Refresh } from "../cache/refresh.ts";
import type { Journal } from "../journal/journal.ts";
import type { OperationEvent } from "../operation/event.ts";
import type { Secrets } from "./secrets.ts";
import type { Shell } from "./shell_type.ts";

/** What a task function runs in: who may stop it, where it keeps things, to whom it reports. */
export interface TaskContext {
  /** Ends the work; every fetch, lock, wait and child process obeys. */
  readonly signal: AbortSignal;
  /** Where fetched things are kept. */
  readonly cache: Cache;
  /** Where runs and steps are written down. @default {a file in the cache folder; where it cannot be written, there is a warning} */
  readonly journal: Journal;
  /** Takes the events of the work. */
  readonly report: (event: OperationEvent) => void;
  /** Whether to plan only and write nothing. */
  readonly dryRun: boolean;
  /** Whether no remote may be asked. */
  readonly offline: boolean;
  /** Whether a task does what it still can after a failure, and fails in the end. @default {false} */
  readonly keepGoing?: boolean;
  /** What must be asked again although it is cached. */
  readonly refresh: Refresh;
  /** What names meant when they were first used: `kedge.lock`. */
  readonly lockfile?: Lockfile;
  /** Gives values that never print. */
  readonly secrets: Secrets;
  /** Takes known secrets out of texts and data. */
  readonly redactor: Redactor;
  /** The shell of dax, bound to the signal, the log and the redactor. */
  readonly $: Shell;
}

/** A context of which any part may be left out, or named without giving anything for it. */
export type TaskContextOptions = { [K in keyof TaskContext]?: TaskContext[K] | undefined };
