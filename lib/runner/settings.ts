/**
 * The flags of every task file.
 *
 * @module
 */
import type { Refresh } from "../cache/refresh.ts";
import { arg } from "./arg_builder.ts";
import type { Arg, ArgsOf } from "./arg.ts";

/** The flags of every task file, declared as a task declares its own. */
export const settingArgs: SettingArgs = {
  help: arg.boolean({ description: "Show the tasks and flags, or those of one task" }),
  list: arg.boolean({ description: "List the tasks" }),
  dryRun: arg.boolean({ description: "Only plan: say what would be done, write nothing" }),
  jobs: arg.number({
    description: "Tasks at once; as many as there are cores without it",
    integer: true,
    min: 1,
    max: 1024,
    env: "DENO_JOBS",
  }),
  keepGoing: arg.boolean({ description: "After a failure, run what can still run" }),
  only: arg.boolean({ description: "Run the task without its dependencies" }),
  graph: arg.enum(["tree", "mermaid", "dot", "json"], {
    description: "Show what waits for what, and run nothing",
    placeholder: "FORM",
  }),
  json: arg.boolean({ description: "One JSON object a line on standard output" }),
  quiet: arg.boolean({ description: "Show failures and results only" }),
  verbose: arg.boolean({ description: "Show each step" }),
  offline: arg.boolean({ description: "Ask no remote; use what is in the cache" }),
  refresh: arg.list(
    arg.string({
      description: "Ask again although it is cached: everything, or what is named",
      placeholder: "NAME",
    }),
  ),
  lock: arg.path({
    description: "The lockfile",
    placeholder: "FILE",
  }),
  update: arg.list(
    arg.string({
      description: "Accept that what the lockfile pins has changed: everything, or what is named",
      placeholder: "NAME",
    }),
  ),
  frozen: arg.boolean({
    description:
      "Refuse what the lockfile does not hold; so it is where CI is set and the file exists",
  }),
  noCache: arg.boolean({ description: "Use a temporary cache, removed at the end" }),
  cacheDir: arg.path({ description: "The cache folder", placeholder: "DIR" }),
  progress: arg.enum(["auto", "bar", "plain", "none"], {
    description: "How progress is shown",
    default: "auto",
    placeholder: "HOW",
  }),
  timeout: arg.duration({ description: "Longest time for the whole run", min: 1 }),
  output: arg.enum(["prefix", "group", "interleave"], {
    description: "How the output of commands is shown",
    default: "prefix",
    placeholder: "HOW",
  }),
  yes: arg.boolean({ description: "Answer every confirmation with yes" }),
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
