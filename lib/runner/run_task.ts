/**
 * One run of a task: everything is checked, then the graph is run, then it is told what came of it.
 *
 * Invariants: nothing starts before every need is met and every confirmation given, nor with a cache folder that is somebody else's or holds the project; in a dry
 * run nothing is written, the journal included; a journal that cannot be written stops no run; the result is told last.
 *
 * @module
 */
import { join } from "@std/path";
import { ExitCode, TimedOutError, UsageError } from "../base/errors.ts";
import { formatDuration } from "../base/duration.ts";
import { longTimeout } from "../base/long_timeout.ts";
import { ifThere } from "../base/files.ts";
import type { Redactor } from "../base/redactor.ts";
import { checkProject } from "../cache/check_project.ts";
import { checkOwnFolder } from "../cache/own_folder.ts";
import { defaultCacheDir } from "../cache/cache_dir.ts";
import { refreshes } from "../cache/refresh.ts";
import { Journal } from "../journal/journal.ts";
import { journalWarning } from "./journal_warning.ts";
import { displayUrls } from "../http/display_url.ts";
import type { Admission, AdmissionOptions } from "./admission.ts";
import { type Ambient, enterRun } from "./ambient.ts";
import type { CommandLine } from "./command_line.ts";
import type { Reporter, RunEvent } from "./events.ts";
import { Execution } from "./execution.ts";
import type { ExecutionOptions } from "./execution_options.ts";
import { Graph, type GraphNode } from "./graph.ts";
import { lockfileChoice } from "./lockfile_choice.ts";
import type { ProgramHost } from "./program.ts";
import type { RunContextOptions } from "./run_context.ts";
import { refreshOf } from "./settings.ts";
import { outcomeOf } from "./run_outcome.ts";
import type { AnyTask } from "./task.ts";
import { tellIdleNames } from "./tell_idle_names.ts";

/** Runs a task; gives the exit code. */
export async function runTask(
  command: CommandLine,
  task: AnyTask,
  host: ProgramHost,
  reporter: Reporter,
  redactor: Redactor,
): Promise<ExitCode> {
  const { settings } = command;
  const { dryRun } = settings;
  const started = performance.now();
  const graph = new Graph(host.cwd);
  const root = graph.add(task, command.args, settings.only);
  await using folder = cacheFolder(command, host);
  if (!settings.noCache && !task.declared.query) checkCacheFolder(folder.dir, host);
  using limit = timeLimit(settings.timeout, host.signal);
  const refresh = refreshOf(settings);
  const report = (event: RunEvent) => reporter.report(redactor.redactData(event));
  using journal = new Journal({
    path: join(folder.dir, "journal-v1.db"),
    redactor,
    endsWithProcess: host.endsWithRun ?? false,
    onFailure: (error) => report({ type: "log", level: "warning", message: journalWarning(error) }),
  });
  const ambient: Ambient = {
    cacheDir: folder.dir,
    context: {
      signal: limit.signal,
      journal,
      redactor,
      dryRun,
      offline: settings.offline,
      keepGoing: settings.keepGoing,
      refresh,
      report,
    },
    lockfile: () => lockfileChoice(settings, host),
  };
  using _run = enterRun(ambient);
  const contextOf = await contextMaker(graph, {
    settings,
    cacheDir: folder.dir,
    journal,
    redactor,
    host,
    report,
  });
  const admission = await admissionTo(graph, contextOf !== undefined, {
    env: host.env,
    cwd: host.cwd,
    cacheDir: folder.dir,
    offline: settings.offline,
    signal: limit.signal,
    unasked: dryRun || settings.yes,
    confirm: async (question, signal) => {
      using _still = reporter.pause();
      return await host.confirm?.(question, signal);
    },
  });
  await admission?.admit(root);
  const execution = new Execution({
    graph,
    ambient,
    jobs: settings.jobs ?? navigator.hardwareConcurrency,
    keepGoing: settings.keepGoing,
    cwd: host.cwd,
    graceMs: host.graceMs ?? 5000,
    shell: host.shell ?? true,
    report,
    admit: async (node) => await admission?.admit(node),
    random: Math.random,
    takeFresh: (each) => !refreshes(refresh, each.name),
    signal: limit.signal,
    contextOf,
  });
  const run = dryRun || task.declared.query
    ? undefined
    : journal.beginRun(displayUrls(shellWords(host.argv)));
  report({
    type: "run-start",
    ...(run === undefined ? {} : { run }),
    task: root.label,
    tasks: graph.nodes.length,
    dryRun,
    query: task.declared.query,
  });
  const { exitCode, lines, result } = await outcomeOf(execution, root, redactor);
  if (exitCode === ExitCode.ok) tellIdleNames(settings, report);
  if (settings.noCache) tellGone(folder.dir, lines, report);
  if (run !== undefined) journal.endRun(run, exitCode);
  report({
    type: "run-end",
    ok: exitCode === ExitCode.ok,
    exitCode,
    durationMs: performance.now() - started,
    dryRun,
    tasks: execution.summaries,
  });
  reporter.result(result);
  return exitCode;
}

/** Who lets tasks in; `undefined` where none of them needs anything or asks, and none can run another from inside. */
async function admissionTo(
  { nodes }: Graph,
  mayGrow: boolean,
  options: AdmissionOptions,
): Promise<Admission | undefined> {
  const isAsked = ({ task: { declared } }: GraphNode) =>
    declared.needs.length > 0 || declared.confirm !== undefined;
  if (!mayGrow && !nodes.some(isAsked)) return undefined;
  const { Admission } = await import("./admission.ts");
  return new Admission(options);
}

/** What is printed last must not be taken for what is there. */
function tellGone(dir: string, lines: readonly string[], report: (event: RunEvent) => void): void {
  if (!lines.some((line) => line.includes(dir))) return;
  const message = `"${dir}" was a temporary cache, and is gone with this run`;
  report({ type: "log", level: "warning", message });
}

/** What makes the contexts of tasks; `undefined` if none of them takes one. */
async function contextMaker(
  graph: Graph,
  options: RunContextOptions,
): Promise<ExecutionOptions["contextOf"]> {
  const { frozen, update } = options.settings;
  const isNeeded = frozen || update !== undefined ||
    graph.nodes.some(({ task }) => task.declared.usesContext);
  if (!isNeeded) return undefined;
  const { runContext } = await import("./context_ready.ts");
  return runContext(options);
}

/** Refuses a folder into which not even the journal may be written; one that may not be looked into is the journal's to tell. */
function checkCacheFolder(dir: string, { cwd, project }: ProgramHost): void {
  checkProject(dir, project === undefined ? [cwd] : [cwd, project]);
  try {
    checkOwnFolder(dir);
  } catch (error) {
    if (error instanceof UsageError) throw error;
  }
}

/** The cache folder of a run; a temporary one is removed at the end, and made only if something is written. */
function cacheFolder(command: CommandLine, host: ProgramHost): AsyncDisposable & { dir: string } {
  const { noCache, cacheDir } = command.settings;
  if (!noCache) {
    return { dir: cacheDir ?? defaultCacheDir(host.env), [Symbol.asyncDispose]: async () => {} };
  }
  const parent = host.env("TMPDIR") || host.env("TEMP") || "/tmp";
  const dir = join(parent, `kedge-${crypto.randomUUID()}`);
  return {
    dir,
    async [Symbol.asyncDispose]() {
      await ifThere(Deno.remove(dir, { recursive: true }));
    },
  };
}

function timeLimit(
  limitMs: number | undefined,
  signal: AbortSignal,
): Disposable & { signal: AbortSignal } {
  if (limitMs === undefined) return { signal, [Symbol.dispose]() {} };
  const late = new AbortController();
  const timer = longTimeout(() => {
    const limit = formatDuration(limitMs);
    late.abort(new TimedOutError(`Cannot finish the run: it took longer than ${limit}`));
  }, limitMs);
  return {
    signal: AbortSignal.any([signal, late.signal]),
    [Symbol.dispose]: () => timer[Symbol.dispose](),
  };
}

function shellWords(argv: readonly string[]): string {
  return argv.map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
  )
    .join(" ");
}
