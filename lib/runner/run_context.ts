import type { Redactor } from "../base/redactor.ts";
import { Lockfile } from "../cache/lockfile.ts";
import { openCache } from "../cache/open_cache.ts";
import { refreshes } from "../cache/refresh.ts";
import type { Journal } from "../journal/journal.ts";
import type { TaskContext } from "./context.ts";
import { contextWithin } from "./context_within.ts";
import type { RunEvent } from "./events.ts";
import type { GraphNode } from "./graph.ts";
import { lockfileChoice, type LockfileHost } from "./lockfile_choice.ts";
import { refreshOf, type Settings } from "./settings.ts";

/** What the contexts of one run have in common. */
export interface RunContextOptions {
  /** What the command line says. */
  readonly settings: Settings;
  /** The cache folder. */
  readonly cacheDir: string;
  /** Where the run is written down. */
  readonly journal: Journal;
  /** Takes known secrets out. */
  readonly redactor: Redactor;
  /** Names the lockfile, and reads environment variables. */
  readonly host: LockfileHost;
  /** Takes the events. */
  readonly report: (event: RunEvent) => void;
}

/**
 * What makes the contexts of a run's tasks, all but their `$`. It stands in a file of its own, since the cache that it brings along is
 * more than all else that a run loads, and is for tasks that take a context.
 *
 * @throws {UsageError} if the environment names a cache that cannot be, or there is no lockfile to freeze or to update
 */
export function runContext(
  options: RunContextOptions,
): (node: GraphNode, signal: AbortSignal) => Omit<TaskContext, "$"> {
  const { settings, journal, redactor, report } = options;
  const { dryRun, keepGoing, offline } = settings;
  const refresh = refreshOf(settings);
  const cache = openCache(options.cacheDir, (name) => options.host.env(name));
  const choice = lockfileChoice(settings, options.host);
  const lockfile = choice === undefined ? {} : { lockfile: new Lockfile(choice.path, choice) };
  return (node, signal) =>
    contextWithin(undefined, {
      signal,
      cache,
      journal,
      redactor,
      dryRun,
      ...lockfile,
      offline,
      keepGoing,
      refresh: refreshes(refresh, node.task.name) ? "all" : refresh,
      report: (event) => report({ ...event, task: node.label }),
    });
}
