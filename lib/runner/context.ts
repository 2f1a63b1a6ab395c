/**
 * What a task function runs in. Every part has a default, so that `cacheKexec(options)` works alone.
 *
 * @module
 */
import { join } from "@std/path";
import { defined } from "../base/defined.ts";
import { UsageError } from "../base/errors.ts";
import { Redactor } from "../base/redactor.ts";
import type { Cache } from "../cache/cache.ts";
import { defaultCacheDir } from "../cache/cache_dir.ts";
import { Lockfile } from "../cache/lockfile.ts";
import { openCache } from "../cache/open_cache.ts";
import { checkRefresh, type Refresh } from "../cache/refresh.ts";
import { Journal } from "../journal/journal.ts";
import { journalWarning } from "./journal_warning.ts";
import type { OperationEvent } from "../operation/event.ts";
import { type Ambient, ambientRun, wholeRun } from "./ambient.ts";
import { Secrets } from "./secrets.ts";
import { lazyShell } from "./lazy_shell.ts";
import { shellModule } from "./load_shell.ts";
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

/**
 * The whole context, defaults filled in: those of the run that is under way in this process, else a signal that never fires, the
 * user's cache folder, no reports.
 *
 * @throws {UsageError} if it is no object, or is offline and something is to be refreshed
 */
export function resolveContext(given: TaskContextOptions = {}): TaskContext {
  if (typeof given !== "object" || given === null) {
    throw new UsageError(`Cannot use ${String(given)} as the context: it must be an object`);
  }
  return contextWithin(ambientRun(), given);
}

/** The whole context, defaults filled in: those of a run, if it is within one. */
export function contextWithin(run: Ambient | undefined, given: TaskContextOptions): TaskContext {
  const options: TaskContextOptions = { ...run?.context, ...defined(given) };
  const { dryRun = false, offline = false, keepGoing = false, refresh = "none" } = options;
  checkRefresh(refresh, offline);
  const signal = options.signal ?? new AbortController().signal;
  const redactor = options.redactor ?? new Redactor();
  const cache = options.cache ?? (run === undefined ? openCache(defaultCacheDir()) : cacheOf(run));
  const lockfile = options.lockfile ?? (run === undefined ? undefined : lockfileOf(run));
  const report = options.report ?? (() => {});
  return {
    signal,
    cache,
    journal: options.journal ?? journalIn(cache.dir, redactor, report),
    report,
    dryRun,
    offline,
    keepGoing,
    refresh,
    ...(lockfile === undefined ? {} : { lockfile }),
    redactor,
    secrets: options.secrets ?? new Secrets(redactor, signal),
    $: options.$ ?? lazyShell(() => shellModule().plainShell(signal)),
  };
}

/** The journal of a folder, for a call that belongs to no run; where it cannot be written, the work goes on with a warning. */
function journalIn(dir: string, redactor: Redactor, report: TaskContext["report"]): Journal {
  const path = join(dir, "journal-v1.db");
  const base = () => ({ operation: crypto.randomUUID(), kind: "journal", subject: path });
  return new Journal({
    path,
    redactor,
    closeWhenIdle: true,
    onFailure: (error) =>
      report({ ...base(), type: "note", level: "warning", message: journalWarning(error) }),
  });
}

const caches = new WeakMap<Ambient, Cache>();

/** The cache of a run, one for all that asks. */
function cacheOf(ambient: Ambient): Cache {
  const run = wholeRun(ambient);
  const cache = caches.get(run) ?? openCache(run.cacheDir);
  caches.set(run, cache);
  return cache;
}

const lockfiles = new WeakMap<Ambient, Lockfile | undefined>();

/** The lockfile of a run, one for all that asks. */
function lockfileOf(ambient: Ambient): Lockfile | undefined {
  const run = wholeRun(ambient);
  if (lockfiles.has(run)) return lockfiles.get(run);
  const choice = run.lockfile();
  const lockfile = choice === undefined ? undefined : new Lockfile(choice.path, choice);
  lockfiles.set(run, lockfile);
  return lockfile;
}
