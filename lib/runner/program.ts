/**
 * The command line of a task file, from its arguments to its exit code. It prints nothing itself. What only some command lines need
 * is loaded when one of them is read, so that a list or a help costs little more than an empty program.
 *
 * @module
 */
import { basename, dirname } from "@std/path";
import { ExitCode, exitCodeOf } from "../base/errors.ts";
import { Redactor } from "../base/redactor.ts";
import { errorData } from "../operation/error_data.ts";
import { type CommandLine, parseCommandLine } from "./command_line.ts";
import type { Reporter } from "./events.ts";
import { permissionsTask } from "./permissions_task.ts";
import type { ArgSources } from "./resolve_args.ts";
import type { Settings } from "./settings.ts";
import type { AnyTask } from "./task.ts";
import { collectTasks, type TaskMap } from "./task_file.ts";

/** What the program is lent by the floor above. */
export interface ProgramHost extends ArgSources {
  /** What the program is called. */
  readonly name: string;
  /** What `--version` tells; without it there is no such flag. */
  readonly version?: string;
  /** The command line. */
  readonly argv: readonly string[];
  /** The folder of the task file, where that is a file. */
  readonly project?: string;
  /** The lockfile where `--lock` names none. @default {none} */
  readonly lockfile?: string;
  /** Ends the run from outside. */
  readonly signal: AbortSignal;
  /** Whether tasks get `$`. @default {true} */
  readonly shell?: boolean;
  /** Whether the process ends with the run. @default {false} */
  readonly endsWithRun?: boolean;
  /** How long things may take to end after an abort, in milliseconds. @default {5000} */
  readonly graceMs?: number;
  /** Asks the person at the terminal; `undefined` where there is none. */
  confirm?(question: string, signal: AbortSignal): Promise<boolean | undefined>;
  /** Takes what was asked for instead of a run: a list, a help, a graph. */
  print(text: string): void;
  /** Makes what shows the run. */
  reporter(settings: Partial<Settings>, redactor: Redactor): Promise<Reporter>;
}

/** Runs a task file; gives the exit code. */
export async function runProgram(
  tasks: Readonly<Record<string, AnyTask>>,
  host: ProgramHost,
): Promise<ExitCode> {
  const redactor = new Redactor();
  let command: CommandLine | undefined;
  // Behind a task's name it is a flag of that task.
  if (host.version !== undefined && host.argv.length === 1 && host.argv[0] === "--version") {
    host.print(`${host.name} ${host.version}`);
    return ExitCode.ok;
  }
  try {
    const map = withPermissions(collectTasks(tasks));
    command = parseCommandLine(map, host.argv, host);
    const answer = await answerOf(command, map, host);
    if (answer !== undefined) {
      host.print(answer);
      return ExitCode.ok;
    }
  } catch (error) {
    const settings = command?.settings ?? { json: host.argv.includes("--json") };
    const reporter = await host.reporter(settings, redactor);
    tellFailure(error, command, reporter, redactor);
    await reporter.close();
    return exitCodeOf(error);
  }
  const [{ runTask }, reporter] = await Promise.all([
    import("./run_ready.ts"),
    host.reporter(command.settings, redactor),
  ]);
  try {
    return await runTask(command, command.task!, host, reporter, redactor);
  } catch (error) {
    tellFailure(error, command, reporter, redactor);
    return exitCodeOf(error);
  } finally {
    await reporter.close();
  }
}

function tellFailure(
  error: unknown,
  command: CommandLine | undefined,
  reporter: Reporter,
  redactor: Redactor,
): void {
  const data = redactor.redactData(errorData(error));
  reporter.result({ type: "result", task: command?.task?.name ?? null, ok: false, error: data });
}

/** What is printed when nothing is to be run; with `--json` one object, whatever it is. */
async function answerOf(
  command: CommandLine,
  map: TaskMap,
  host: ProgramHost,
): Promise<string | undefined> {
  const { json, list, graph } = command.settings;
  const text = await textOf(command, map, host);
  const isJson = list || graph === "json";
  return text === undefined || !json || isJson ? text : JSON.stringify({ type: "text", text });
}

async function textOf(
  { settings, task, args }: CommandLine,
  map: TaskMap,
  host: ProgramHost,
): Promise<string | undefined> {
  if (settings.completions !== undefined) {
    const { completionScript } = await import("./completions.ts");
    return completionScript(host.name, map, settings.completions);
  }
  if (settings.list) {
    const { listOfTasks } = await import("./list_of_tasks.ts");
    return listOfTasks(map, settings.json);
  }
  if (settings.graph !== undefined && !settings.help) {
    const { graphOf } = await import("./graph_of.ts");
    const { graph: form, only } = settings;
    return graphOf(map, host.cwd, form, task === undefined ? undefined : { task, args, only });
  }
  if (!settings.help && task !== undefined) return undefined;
  const { helpOfFile, helpOfTask } = await import("./help.ts");
  return task === undefined
    ? helpOfFile(map, host, lockfileInWords(host))
    : helpOfTask(task, host.name);
}

/** The lockfile that is used without `--lock`. */
function lockfileInWords({ project, lockfile }: ProgramHost): string {
  if (lockfile === undefined) return "none";
  const isBeside = project !== undefined && dirname(lockfile) === project;
  return isBeside ? `${basename(lockfile)} beside the task file` : lockfile;
}

/** Every task file can say which permissions its tasks use. */
function withPermissions(map: TaskMap): TaskMap {
  if (map.has("permissions")) return map;
  const all = new Map(map);
  const task = permissionsTask(all);
  return all.set(task.name, task);
}
