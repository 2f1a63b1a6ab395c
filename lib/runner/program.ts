/**
 * The command line of a task file, from its arguments to its exit code. It prints nothing itself.
 *
 * @module
 */
import { join } from "@std/path";
import { TemporaryFolder } from "../base/atomic_file.ts";
import { ExitCode, exitCodeOf, TimedOutError } from "../base/errors.ts";
import { Redactor } from "../base/redactor.ts";
import { Cache } from "../cache/cache.ts";
import { defaultCacheDir } from "../cache/cache_dir.ts";
import { Journal } from "../journal/journal.ts";
import { errorData } from "../operation/error_data.ts";
import { type CommandLine, parseCommandLine } from "./command_line.ts";
import { resolveContext } from "./context.ts";
import type { Reporter, RunEvent } from "./events.ts";
import { Execution } from "./execution.ts";
import { Graph } from "./graph.ts";
import { helpOfFile, helpOfTask, listOfTasks } from "./help.ts";
import { refreshOf, type Settings } from "./settings.ts";
import type { AnyTask } from "./task.ts";
import { collectTasks, type TaskMap } from "./task_file.ts";

/** What the program is lent by the floor above. */
export interface ProgramHost {
  /** The command line. */
  readonly argv: readonly string[];
  /** Reads an environment variable. */
  env(name: string): string | undefined;
  /** The folder from which relative paths are read. */
  readonly cwd: string;
  /** Ends the run from outside. */
  readonly signal: AbortSignal;
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
    map = collectTasks(tasks);
    command = parseCommandLine(map, host.argv, host);
  } catch (error) {
    const reporter = host.reporter({ json: host.argv.includes("--json") }, redactor);
    reporter.result({ type: "result", task: null, ok: false, error: errorData(error) });
    await reporter.close();
    return exitCodeOf(error);
  }
  const { settings, task } = command;
  const reporter = host.reporter(settings, redactor);
  try {
    if (settings.list) reporter.print(listOfTasks(map, settings.json));
    else if (settings.help && task !== undefined) reporter.print(helpOfTask(task));
    else if (settings.help || task === undefined) reporter.print(helpOfFile(map));
    else return await runTask(command, task, host, reporter, redactor);
    return ExitCode.ok;
  } catch (error) {
    const data = redactor.redactData(errorData(error));
    reporter.result({ type: "result", task: task?.name ?? null, ok: false, error: data });
    return exitCodeOf(error);
  } finally {
    await reporter.close();
  }
}

async function runTask(
  command: CommandLine,
  task: AnyTask,
  host: ProgramHost,
  reporter: Reporter,
  redactor: Redactor,
): Promise<ExitCode> {
  const { settings } = command;
  const { dryRun } = settings;
  const started = performance.now();
  const graph = new Graph(host.cwd, settings.only);
  const root = graph.add(task, command.args);
  await using temporary = settings.noCache
    ? await TemporaryFolder.make(Deno.env.get("TMPDIR") ?? "/tmp", "kedge")
    : undefined;
  const dir = temporary?.path ?? settings.cacheDir ?? defaultCacheDir(host.env);
  const cache = new Cache(dir);
  using journal = new Journal({ path: join(dir, "journal-v1.db"), redactor });
  const timeout = new AbortController();
  const timer = settings.timeout === undefined ? undefined : setTimeout(
    () => timeout.abort(new TimedOutError("Cannot finish the run: its --timeout is over")),
    settings.timeout,
  );
  const report = (event: RunEvent) => reporter.report(redactor.redactData(event));
  const execution = new Execution({
    graph,
    jobs: settings.jobs ?? navigator.hardwareConcurrency,
    keepGoing: settings.keepGoing,
    cwd: host.cwd,
    report,
    signal: AbortSignal.any([host.signal, timeout.signal]),
    contextOf: (node, signal) =>
      resolveContext({
        signal,
        cache,
        journal,
        redactor,
        dryRun,
        offline: settings.offline,
        refresh: refreshOf(settings),
        report: (event) => report({ ...event, task: node.label }),
      }),
  });
  const run = dryRun ? undefined : journal.beginRun([task.name, ...host.argv].join(" "));
  report({
    type: "run-start",
    ...(run === undefined ? {} : { run }),
    task: root.label,
    tasks: graph.nodes.length,
    dryRun,
  });
  let exitCode: ExitCode = ExitCode.ok;
  try {
    const value = await execution.run(root);
    const output = task.declared.output?.(value) ?? [];
    end();
    reporter.result({
      type: "result",
      task: task.name,
      ok: true,
      value: redactor.redactData(value),
      lines: (typeof output === "string" ? [output] : output).map((line) => redactor.redact(line)),
    });
  } catch (error) {
    exitCode = exitCodeOf(error);
    end();
    const data = redactor.redactData(errorData(error));
    reporter.result({ type: "result", task: task.name, ok: false, error: data });
  } finally {
    clearTimeout(timer);
    if (run !== undefined) journal.endRun(run, exitCode);
  }
  return exitCode;

  function end(): void {
    report({
      type: "run-end",
      ok: exitCode === ExitCode.ok,
      exitCode,
      durationMs: performance.now() - started,
      dryRun,
      tasks: execution.summaries,
    });
  }
}
