/**
 * What `--help` says.
 *
 * @module
 */
import { formatBytes } from "../base/bytes.ts";
import { formatDuration } from "../base/duration.ts";
import type { Arg, ArgsShape } from "./arg.ts";
import { flagName } from "./flag_name.ts";
import { listOfTasks } from "./list_of_tasks.ts";
import { argLabel } from "./resolve_args.ts";
import { settingArgs, settingBare, settingShorts } from "./settings.ts";
import type { AnyTask } from "./task.ts";
import type { TaskMap } from "./task_file.ts";

/**
 * The tasks and the flags of a task file.
 *
 * @param lockfile what is used without `--lock`
 */
export function helpOfFile(
  tasks: TaskMap,
  { name: program, version }: { name: string; version?: string },
  lockfile: string,
): string {
  const lock = { ...settingArgs.lock, defaultText: lockfile };
  return [
    `Usage: ${program} [flags] <task> [flags and arguments of the task]`,
    "",
    "Tasks:",
    indented(listOfTasks(tasks)),
    ...flagSections({ ...settingArgs, lock }, settingBare, settingShorts),
    "",
    `Run "${program} <task> --help" for the flags and an example of a task.`,
    ...(version === undefined ? [] : [`Run "${program} --version" for its version.`]),
  ].join("\n");
}

/** The arguments of one task. */
export function helpOfTask(task: AnyTask, program: string): string {
  const entries = Object.entries(task.args);
  const positionals = entries.filter(([, declared]) => declared.positional);
  const flags = entries.filter(([, declared]) => !declared.positional);
  const usage = [
    program,
    task.name,
    ...(flags.length === 0 ? [] : ["[flags]"]),
    ...positionals.map(([key, declared]) => {
      const label = argLabel(key, declared) + (declared.kind === "list" ? "..." : "");
      return declared.presence === "required" ? label : `[${label}]`;
    }),
  ];
  const example = exampleOf(task, program);
  return [
    task.description,
    "",
    `Usage: ${usage.join(" ")}`,
    ...section("Arguments", argLines(Object.fromEntries(positionals))),
    ...flagSections(Object.fromEntries(flags)),
    "",
    `Run "${program} --help" for the flags of every task, such as --dry-run.`,
    ...section("Example", example === undefined ? [] : [`  ${example}`]),
  ].join("\n");
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", `${title}:`, ...lines];
}

/** Flags under their headings, which come in the order in which they are first named. */
function flagSections(
  flags: ArgsShape,
  bare?: Readonly<Record<string, string>>,
  shorts?: Readonly<Record<string, string>>,
): string[] {
  const groups = new Map<string, Record<string, Arg>>();
  for (const [key, declared] of Object.entries(flags)) {
    const title = declared.group ?? "Flags";
    groups.set(title, { ...groups.get(title), [key]: declared });
  }
  return [...groups].flatMap(([title, shape]) => section(title, argLines(shape, bare, shorts)));
}

function exampleOf(task: AnyTask, program: string): string | undefined {
  const parts: string[] = [];
  for (const [key, declared] of Object.entries(task.args)) {
    if (declared.example === undefined) continue;
    parts.push(declared.positional ? declared.example : `--${flagName(key)} ${declared.example}`);
  }
  return parts.length === 0 ? undefined : `${program} ${task.name} ${parts.join(" ")}`;
}

function argLines(
  shape: ArgsShape,
  bare: Readonly<Record<string, string>> = {},
  shorts: Readonly<Record<string, string>> = {},
): string[] {
  const letters = new Map(Object.entries(shorts).map(([letter, flag]) => [flag, letter]));
  const rows = Object.entries(shape).map((
    [key, declared],
  ) => [
    withLetter(letters.get(flagName(key)), nameOf(key, declared, flagName(key) in bare)),
    noteOf(declared),
  ]);
  const width = Math.min(28, Math.max(0, ...rows.map(([name]) => name!.length)));
  return rows.map(([name, note]) => `  ${name!.padEnd(width)}  ${note}`);
}

function withLetter(letter: string | undefined, name: string): string {
  return letter === undefined ? name : `-${letter}, ${name}`;
}

function nameOf(key: string, declared: Arg, mayBeBare: boolean): string {
  const label = argLabel(key, declared);
  if (declared.positional) return declared.kind === "list" ? `${label}...` : label;
  if (declared.kind === "boolean") {
    return declared.default === true ? `--[no-]${flagName(key)}` : label;
  }
  const value = mayBeBare ? `[=${declared.placeholder}]` : ` ${declared.placeholder}`;
  return `${label}${value}${declared.kind === "list" ? "..." : ""}`;
}

function noteOf(declared: Arg): string {
  const notes: string[] = [];
  if (declared.values !== undefined) notes.push(declared.values.join(", "));
  if (declared.range !== undefined) notes.push(declared.range);
  if (declared.presence === "required" && !declared.positional) notes.push("required");
  if (declared.kind === "boolean") {
    if (declared.default === true) notes.push("default: yes");
  } else if (declared.default !== undefined) notes.push(`default: ${shown(declared)}`);
  else if (declared.defaultText !== undefined) notes.push(`default: ${declared.defaultText}`);
  if (declared.env !== undefined) notes.push(`env: ${declared.env}`);
  return notes.length === 0
    ? declared.description
    : `${declared.description} (${notes.join("; ")})`;
}

function shown(declared: Arg): string {
  const value = declared.default;
  if (declared.kind === "duration") return formatDuration(value as number);
  if (declared.kind === "bytes") return formatBytes(value as number);
  return Array.isArray(value) ? value.join(", ") : String(value);
}

function indented(text: string): string {
  return text.split("\n").map((line) => line === "" ? line : `  ${line}`).join("\n");
}
