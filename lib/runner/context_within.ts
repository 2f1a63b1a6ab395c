import { join } from "@std/path";
import { defined } from "../base/defined.ts";
import { Redactor } from "../base/redactor.ts";
import type { Cache } from "../cache/cache.ts";
import { defaultCacheDir } from "../cache/cache_dir.ts";
import { Lockfile } from "../cache/lockfile.ts";
import { openCache } from "../cache/open_cache.ts";
import { checkRefresh } from "../cache/refresh.ts";
import { Journal } from "../journal/journal.ts";
import { type Ambient, wholeRun } from "./ambient.ts";
import type { TaskContext, TaskContextOptions } from "./task_context.ts";
import { journalWarning } from "./journal_warning.ts";
import { lazyShell } from "./lazy_shell.ts";
import { shellModule } from "./load_shell.ts";
import { Secrets } from "./secrets.ts";

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
