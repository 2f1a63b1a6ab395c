/**
 * What a command line asks for.
 *
 * @module
 */
import { UsageError } from "../base/errors.ts";
import type { ArgsShape } from "./arg.ts";
import { flagName } from "./flag_name.ts";
import { type ParsedFlags, parseFlags } from "./parse_flags.ts";
import { argsFromFlags, type ArgSources, type ArgValues } from "./resolve_args.ts";
import { settingArgs, settingBare, type Settings, settingShorts } from "./settings.ts";
import type { AnyTask } from "./task.ts";
import { findTask, type TaskMap } from "./task_file.ts";

/** A command line, read and checked. */
export interface CommandLine {
  /** The flags of every task file. */
  readonly settings: Settings;
  /** The task that was asked for, if any. */
  readonly task?: AnyTask;
  /** Its arguments; without a task, or with `--help`, none. */
  readonly args: ArgValues;
}

/**
 * Reads a command line: `[flags] <task> [flags and arguments]`.
 *
 * @throws {UsageError} on an unknown task or flag, a bad value, or an argument that is not UTF-8
 */
export function parseCommandLine(
  tasks: TaskMap,
  argv: readonly string[],
  sources: ArgSources,
): CommandLine {
  refuseOtherBytes(argv);
  const options = { short: settingShorts, bare: settingBare };
  const elsewhere = (flag: string) =>
    [...tasks.values()].filter((task) => flagsOf(task.args).includes(flag)).map(({ name }) => name);
  const before = parseFlags(argv, settingArgs, { ...options, stopEarly: true, elsewhere });
  const [name, ...rest] = before.positionals;
  if (name === undefined) {
    return { settings: settingsOf(before, sources), args: {} };
  }
  const task = findTask(tasks, name);
  const own = behindName(argv, rest);
  const after = parseFlags(own, { ...settingArgs, ...task.args }, options);
  const settings = settingsOf({
    positionals: [],
    texts: allTexts(before, after),
    switches: new Map([...before.switches, ...after.switches]),
  }, sources);
  if (settings.help || settings.list) return { settings, task, args: {} };
  return { settings, task, args: argsFromFlags(task.args, after, sources, task.name) };
}

/** What each flag was given before the task's name and behind it. */
function allTexts(before: ParsedFlags, after: ParsedFlags): ParsedFlags["texts"] {
  const texts = new Map(before.texts);
  for (const [key, more] of after.texts) texts.set(key, [...texts.get(key) ?? [], ...more]);
  return texts;
}

/** Deno gives U+FFFD for bytes that are not text: a file of that name is another one, and two of them are one. */
function refuseOtherBytes(argv: readonly string[]): void {
  const other = argv.find((token) => token.includes("\uFFFD"));
  if (other === undefined) return;
  throw new UsageError(`Cannot read the argument ${JSON.stringify(other)}: it is not UTF-8`, {
    hint: "give the file a name in UTF-8",
  });
}

/** What was typed behind the task's name, `--` included. */
function behindName(argv: readonly string[], rest: readonly string[]): readonly string[] {
  const dashes = argv.indexOf("--");
  if (dashes < 0) return argv.slice(argv.length - rest.length);
  const isBehindDashes = argv.length - dashes - 1 > rest.length;
  return isBehindDashes ? ["--", ...rest] : argv.slice(argv.length - rest.length - 1);
}

function settingsOf(flags: ParsedFlags, sources: ArgSources): Settings {
  const settings = argsFromFlags(settingArgs, { ...flags, positionals: [] }, sources) as Settings;
  if (settings.offline && settings.refresh !== undefined) {
    throw new UsageError("Cannot refresh offline: --refresh asks remotes, --offline forbids it", {
      hint: "leave out one of the two",
    });
  }
  if (settings.offline && settings.update !== undefined) {
    throw new UsageError("Cannot update offline: --update asks remotes, --offline forbids it", {
      hint: "leave out one of the two",
    });
  }
  if (settings.noCache && settings.cacheDir !== undefined) {
    throw new UsageError(
      "Cannot use --cache-dir with --no-cache: one names the cache that the other forbids",
    );
  }
  return settings;
}

function flagsOf(shape: ArgsShape): string[] {
  return Object.entries(shape).filter(([, declared]) => !declared.positional)
    .map(([key]) => flagName(key));
}
