/**
 * The command line of a task file, from its arguments to its exit code. It prints nothing itself. What is only needed to run a
 * task is loaded when one is run, so that a list or a help costs little more than an empty program.
 *
 * @module
 */
import { ExitCode, exitCodeOf } from "../base/errors.ts";
import { Redactor } from "../base/redactor.ts";
import { errorData } from "../operation/error_data.ts";
import { type CommandLine, parseCommandLine } from "./command_line.ts";
import { completionScript } from "./completions.ts";
import type { Reporter } from "./events.ts";
import { Graph } from "./graph.ts";
import { graphText } from "./graph_text.ts";
import { helpOfFile, helpOfTask, listOfTasks } from "./help.ts";
import { permissionsTask } from "./permissions_task.ts";
import type { ArgSources } from "./resolve_args.ts";
import type { Settings } from "./settings.ts";
import type { AnyTask } from "./task.ts";
import { collectTasks, type TaskMap } from "./task_file.ts";

/** What the program is lent by the floor above. */
export interface ProgramHost extends ArgSources {
  /** What the program is called. */
  readonly name: string;
  /** The command line. */
  readonly argv: readonly string[];
  /** The folder of the task file, where that is a file. */
  readonly project?: string;
  /** The lockfile where `--lock` names none. @default {none is used} */
  readonly lockfile?: string;
  /** Ends the run from outside. */
  readonly signal: AbortSignal;
  /** Whether tasks get `$`. @default {true} */
  readonly shell?: boolean;
  /** How long things may take to end after an abort, in milliseconds. @default {5000} */
  readonly graceMs?: number;
  /** Asks the person at the terminal; `undefined` where there is none. */
  confirm?(question: string, signal: AbortSignal): Promise<boolean | undefined>;
  /** Makes what shows the run. */
  reporter(settings: Partial<Settings>, redactor: Redactor): Reporter;
}

/** Runs a task file; gives the exit code. */
export async function runProgram(
  tasks: Readonly<Record<string, AnyTask>>,
  host: ProgramHost,
): Promise<ExitCode> {
  const redactor = new Redactor();
  let command: CommandLine;
  let map: TaskMap;
  try {
    map = withPermissions(collectTasks(tasks));
    command = parseCommandLine(map, host.argv, host);
  } catch (error) {
    const reporter = host.reporter({ json: host.argv.includes("--json") }, redactor);
    reporter.result({ type: "result", task: null, ok: false, error: errorData(error) });
    await reporter.close();
    return exitCodeOf(error);
  }
  const reporter = host.reporter(command.settings, redactor);
  try {
    const answer = answerOf(command, map, host);
    if (answer === undefined) {
      const { runTask } = await import("./run_task.ts");
      return await runTask(command, command.task!, host, reporter, redactor);
    }
    reporter.print(answer);
    return ExitCode.ok;
  } catch (error) {
    const data = redactor.redactData(errorData(error));
    reporter.result({ type: "result", task: command.task?.name ?? null, ok: false, error: data });
    return exitCodeOf(error);
  } finally {
    await reporter.close();
  }
}

/** What is printed when nothing is to be run; with `--json` one object, whatever it is. */
function answerOf(command: CommandLine, map: TaskMap, host: ProgramHost): string | undefined {
  const { json, list, graph } = command.settings;
  const text = textOf(command, map, host);
  const isJson = list || graph === "json";
  return text === undefined || !json || isJson ? text : JSON.stringify({ type: "text", text });
}

function textOf(command: CommandLine, map: TaskMap, host: ProgramHost): string | undefined {
  const { settings, task } = command;
  if (settings.completions !== undefined) {
    return completionScript(host.name, map, settings.completions);
  }
  if (settings.list) return listOfTasks(map, settings.json);
  if (settings.help && task !== undefined) return helpOfTask(task, host.name);
  if (settings.graph !== undefined) return graphOf(command, map, host);
  return settings.help || task === undefined ? helpOfFile(map, host.name) : undefined;
}

function graphOf(command: CommandLine, map: TaskMap, host: ProgramHost): string {
  const graph = new Graph(host.cwd);
  const form = command.settings.graph!;
  if (command.task !== undefined) {
    const root = graph.add(command.task, command.args, command.settings.only);
    return graphText(graph.nodes, [root], form);
  }
  const roots = [...map.values()].filter((task) => task.name !== "permissions")
    .map((task) => graph.addDeclared(task));
  const inner = new Set(graph.nodes.flatMap((node) => [...node.deps.values()]));
  return graphText(graph.nodes, roots.filter((root) => !inner.has(root)), form);
}

/** Every task file can say which permissions its tasks use. */
function withPermissions(map: TaskMap): TaskMap {
  if (map.has("permissions")) return map;
  const all = new Map(map);
  const task = permissionsTask(all);
  return all.set(task.name, task);
}
