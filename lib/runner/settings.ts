/**
 * The flags of every task file.
 *
 * @module
 */
import type { Refresh } from "../cache/refresh.ts";
import { arg } from "./arg_builder.ts";
import type { Arg, ArgsOf } from "./arg.ts";

const running = "Running";
const remembered = "Cache and lockfile";
const output = "Output";

/** The flags of every task file, declared as a task declares its own. */
export const settingArgs: SettingArgs = {
  help: arg.boolean({ description: "Show the tasks and flags, or the help of one task" }),
  list: arg.boolean({ description: "List the tasks" }),
  dryRun: arg.boolean({
    description: "Plan only: show what would be done, write nothing",
    group: running,
  }),
  jobs: arg.number({
    description: "Maximum number of tasks that run at once",
    integer: true,
    min: 1,
    max: 1024,
    env: "DENO_JOBS",
    group: running,
    defaultText: "the number of cores",
  }),
  keepGoing: arg.boolean({
    description: "After a failure, run what can still run",
    group: running,
  }),
  only: arg.boolean({ description: "Run the task without its dependencies", group: running }),
  graph: arg.enum(["tree", "mermaid", "dot", "json"], {
    description: "Show which task depends on which, and run nothing",
    placeholder: "FORM",
  }),
  json: arg.boolean({
    description: "Print one JSON object per line on standard output",
    group: output,
  }),
  quiet: arg.boolean({ description: "Show only failures and results", group: output }),
  verbose: arg.boolean({ description: "Show every step", group: output }),
  offline: arg.boolean({
    description: "Contact no remote; use what is in the cache",
    group: remembered,
  }),
  refresh: arg.list(
    arg.string({
      description: "Ask the origin again for what is cached: all, or what has the name",
      placeholder: "NAME",
      group: remembered,
    }),
  ),
  lock: arg.path({ description: "The lockfile", placeholder: "FILE", group: remembered }),
  update: arg.list(
    arg.string({
      description: "Accept that what the lockfile pins has changed: all, or what has the name",
      placeholder: "NAME",
      group: remembered,
    }),
  ),
  frozen: arg.boolean({
    description:
      "Refuse what the lockfile does not hold; on by default if CI is set and the file exists",
    group: remembered,
  }),
  noCache: arg.boolean({
    description: "Use a temporary cache, and remove it at the end",
    group: remembered,
  }),
  cacheDir: arg.path({
    description: "The cache folder",
    placeholder: "DIR",
    group: remembered,
    defaultText: "KEDGE_CACHE_DIR, else kedge in the user's cache folder",
  }),
  progress: arg.enum(["auto", "bar", "plain", "none"], {
    description: "How progress is shown",
    default: "auto",
    placeholder: "HOW",
    group: output,
  }),
  timeout: arg.duration({
    description: "Time limit of the whole run, such as 5m",
    min: 1,
    group: running,
  }),
  output: arg.enum(["prefix", "group", "interleave"], {
    description: "How the output of commands is shown",
    default: "prefix",
    placeholder: "HOW",
    group: output,
  }),
  yes: arg.boolean({ description: "Answer every confirmation with yes", group: running }),
  completions: arg.enum(["bash", "zsh", "fish"], {
    description: "Print a script that completes tasks and flags",
    placeholder: "SHELL",
  }),
};

/** The shape of {@linkcode settingArgs}. */
export type SettingArgs = {
  /** Show help. */
  help: Arg<boolean, "default">;
  /** List the tasks. */
  list: Arg<boolean, "default">;
  /** Only plan. */
  dryRun: Arg<boolean, "default">;
  /** Tasks at once. */
  jobs: Arg<number, "optional">;
  /** Go on after a failure. */
  keepGoing: Arg<boolean, "default">;
  /** Leave out the dependencies. */
  only: Arg<boolean, "default">;
  /** Show the graph. */
  graph: Arg<"tree" | "mermaid" | "dot" | "json", "optional">;
  /** JSON lines. */
  json: Arg<boolean, "default">;
  /** Say less. */
  quiet: Arg<boolean, "default">;
  /** Say more. */
  verbose: Arg<boolean, "default">;
  /** No network. */
  offline: Arg<boolean, "default">;
  /** Ask again. */
  refresh: Arg<readonly string[], "optional">;
  /** The lockfile. */
  lock: Arg<string, "optional">;
  /** Move pins. */
  update: Arg<readonly string[], "optional">;
  /** Refuse what is not pinned. */
  frozen: Arg<boolean, "default">;
  /** A temporary cache. */
  noCache: Arg<boolean, "default">;
  /** The cache folder. */
  cacheDir: Arg<string, "optional">;
  /** How progress is shown. */
  progress: Arg<"auto" | "bar" | "plain" | "none", "default">;
  /** Longest time for the whole run. */
  timeout: Arg<number, "optional">;
  /** How the output of commands is shown. */
  output: Arg<"prefix" | "group" | "interleave", "default">;
  /** Answer every confirmation. */
  yes: Arg<boolean, "default">;
  /** Print a completion script. */
  completions: Arg<"bash" | "zsh" | "fish", "optional">;
};

/** The values of the flags of every task file. */
export type Settings = ArgsOf<SettingArgs>;

/** One-letter names. */
export const settingShorts: Readonly<Record<string, string>> = {
  h: "help",
  l: "list",
  n: "dry-run",
  j: "jobs",
  q: "quiet",
  v: "verbose",
  y: "yes",
};

/** Flags whose value may be left out. */
export const settingBare: Readonly<Record<string, string>> = {
  refresh: "*",
  update: "*",
  graph: "tree",
};

/** What `--refresh` asks for. */
export function refreshOf(settings: Settings): Refresh {
  return named(settings.refresh);
}

/** What `--update` asks for. */
export function updateOf(settings: Settings): Refresh {
  return named(settings.update);
}

function named(names: readonly string[] | undefined): Refresh {
  if (names === undefined) return "none";
  return names.includes("*") ? "all" : names;
}
