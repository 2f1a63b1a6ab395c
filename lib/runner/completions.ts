/**
 * Scripts by which a shell completes tasks and flags.
 *
 * @module
 */
import type { ArgsShape } from "./arg.ts";
import { flagName } from "./flag_name.ts";
import { settingArgs, settingShorts } from "./settings.ts";
import type { TaskMap } from "./task_file.ts";

/** The completion script of a program for one shell. */
export function completionScript(
  program: string,
  tasks: TaskMap,
  shell: "bash" | "zsh" | "fish",
): string {
  if (shell === "bash") return bash(program, tasks);
  if (shell === "zsh") return zsh(program, tasks);
  return fish(program, tasks);
}

interface Flag {
  flag: string;
  /** Its one-letter name. */
  letter?: string | undefined;
  note: string;
  /** What it takes; a switch takes nothing. */
  takes: "nothing" | "a path" | "something";
  values: readonly string[];
}

/** The flags of every task file, which alone have letters. */
function settingFlags(): Flag[] {
  const letters = new Map(Object.entries(settingShorts).map(([letter, flag]) => [flag, letter]));
  return flagsOf(settingArgs).map((each) => ({ ...each, letter: letters.get(each.flag) }));
}

function flagsOf(shape: ArgsShape): Flag[] {
  return Object.entries(shape).filter(([, declared]) => !declared.positional)
    .map(([key, declared]) => ({
      flag: flagName(key),
      note: declared.description,
      takes: declared.kind === "boolean"
        ? "nothing"
        : (declared.item ?? declared.kind) === "path"
        ? "a path"
        : "something",
      // A word that a shell would take apart is left to be typed.
      values: (declared.values ?? []).filter((value) => /^[\w@%+=:,.\/-]+$/.test(value)),
    }));
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function functionName(program: string): string {
  return `_${program.replace(/\W/g, "_")}`;
}

function bash(program: string, tasks: TaskMap): string {
  const name = functionName(program);
  const words = (shape: ArgsShape) => flagsOf(shape).map(({ flag }) => `--${flag}`).join(" ");
  const values = (task: string, shape: ArgsShape) =>
    flagsOf(shape).filter((each) => each.values.length > 0).map((each) =>
      `    ${task}--${each.flag}) words=${quoted(each.values.join(" "))} ;;`
    );
  return [
    `${name}() {`,
    `  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" line="\${COMP_LINE}" task="" each words=""`,
    `  COMPREPLY=()`,
    // Bash breaks words at "=" too: --flag = value.
    `  [[ "$before" == "=" ]] && before="\${COMP_WORDS[COMP_CWORD-2]}"`,
    `  [[ "$word" == "=" ]] && word=""`,
    `  for each in \${line#* }; do`,
    `    case "$each" in`,
    ...[...tasks.keys()].map((task) => `      ${task}) task="$each"; break ;;`),
    `    esac`,
    `  done`,
    `  case "$task$before" in`,
    ...[...tasks.values()].flatMap((task) => values(task.name, task.args)),
    ...values("*", settingArgs),
    `  esac`,
    `  if [[ -n "$words" ]]; then COMPREPLY=($(compgen -W "$words" -- "$word")); return; fi`,
    `  words=${quoted(words(settingArgs))}`,
    `  case "$task" in`,
    ...[...tasks.values()].map((task) =>
      `    ${task.name}) words+=${quoted(` ${words(task.args)}`)} ;;`
    ),
    `    *) words+=${quoted(` ${[...tasks.keys()].join(" ")}`)} ;;`,
    `  esac`,
    `  local start=""`,
    `  [[ "$line" == *:* && "\${COMP_WORDBREAKS}" == *:* ]] && start="\${line##* }" && start="\${start%"\${start##*:}"}"`,
    `  COMPREPLY=($(compgen -W "$words" -- "$start\${word#:}"))`,
    `  COMPREPLY=("\${COMPREPLY[@]#"$start"}")`,
    `}`,
    `complete -o default -F ${name} ${program}`,
  ].join("\n");
}

function zsh(program: string, tasks: TaskMap): string {
  const name = functionName(program);
  const lines = ({ flag, letter, note, takes, values }: Flag) => {
    const described = `[${note.replace(/[[\]:]/g, "\\$&")}]`;
    const short = letter === undefined ? [] : [`-${letter}`];
    if (takes === "nothing") {
      return [...short, `--${flag}`].map((name) => quoted(`${name}${described}`));
    }
    const action = takes === "a path"
      ? "_files"
      : values.length > 0
      ? `(${values.join(" ")})`
      : " ";
    return [...short.map((name) => `${name}+`), `--${flag}=`].map((name) =>
      quoted(`${name}${described}:${flag}:${action}`)
    );
  };
  const described = (task: string, note: string) =>
    quoted(`${task.replaceAll(":", "\\:")}:${note}`);
  return [
    `#compdef ${program}`,
    `${name}() {`,
    `  local -a tasks flags`,
    `  tasks=(${
      [...tasks.values()].map((task) => described(task.name, task.description)).join(" ")
    })`,
    `  flags=(${settingFlags().flatMap(lines).join(" ")})`,
    `  local task="\${words[(r)(${[...tasks.keys()].join("|")})]}"`,
    `  case "$task" in`,
    ...[...tasks.values()].map((task) =>
      `    ${task.name}) flags+=(${flagsOf(task.args).flatMap(lines).join(" ")}) ;;`
    ),
    `  esac`,
    `  _arguments -s -S $flags '1:task:{_describe task tasks}' '*:file:_files'`,
    `}`,
    `compdef ${name} ${program}`,
  ].join("\n");
}

function fish(program: string, tasks: TaskMap): string {
  const names = [...tasks.keys()].join(" ");
  const line = (condition: string, { flag, letter, note, takes, values }: Flag) => {
    const short = letter === undefined ? "" : ` -s ${letter}`;
    const argument = takes === "nothing" ? "" : takes === "a path" ? " -r -F" : " -x";
    const words = values.length === 0 ? "" : ` -a ${quoted(values.join(" "))}`;
    return `complete -c ${program}${condition}${short} -l ${flag} -d ${
      quoted(note)
    }${argument}${words}`;
  };
  return [
    ...[...tasks.values()].map((task) =>
      `complete -c ${program} -n 'not __fish_seen_subcommand_from ${names}' -f -a ${task.name} -d ${
        quoted(task.description)
      }`
    ),
    ...settingFlags().map((each) => line("", each)),
    ...[...tasks.values()].flatMap((task) =>
      flagsOf(task.args).map((each) => line(` -n '__fish_seen_subcommand_from ${task.name}'`, each))
    ),
  ].join("\n");
}
