import { basename, dirname, fromFileUrl, join, relative, resolve } from "@std/path";
import { defined } from "../base/defined.ts";
import { ExitCode, exitCodeOf, KedgeError, StoppedError, type UsageError } from "../base/errors.ts";
import { grantedVariable } from "../base/granted_variable.ts";
import { liveProcesses } from "../base/live_processes.ts";
import { Redactor } from "../base/redactor.ts";
import { calledAt } from "../base/thrown_at.ts";
import { errorData } from "../operation/error_data.ts";
import { isDeclaration } from "../runner/declaring.ts";
import { type ProgramHost, runProgram } from "../runner/program.ts";
import type { AnyTask } from "../runner/task.ts";
import type { TerminalSize } from "./live_progress.ts";
import { type Output, processOutput } from "./output.ts";
import type { Surroundings } from "./reporter_for.ts";
import type { Traces } from "./traces.ts";
import { visible, withoutCommands } from "./visible.ts";

/** Options of {@linkcode main}. */
export interface MainOptions {
  /** The name of the program, for the help and the completions. @default {the file's name} */
  name?: string | undefined;
  /** The version that `--version` prints. @default {there is no such flag} */
  version?: string | undefined;
  /** Whether tasks get `$`. Without it, the program starts some 40 ms sooner, since dax is not loaded. @default {true} */
  shell?: boolean | undefined;
  /** The lockfile; with `false`, only `--lock` names one. @default {kedge.lock beside the task file} */
  lockfile?: string | false | undefined;
  /** The command line. @default {Deno.args} */
  args?: readonly string[] | undefined;
}

const secondSignalMs = 300;

/**
 * Turns a file of tasks into a program: reads the command line, runs the task that it names, and exits with the matching exit code.
 *
 * SIGINT, SIGTERM and SIGHUP stop everything that runs; a second signal, 300 ms later or more, kills it at once. An error that nobody
 * handles stops it too. A task that ends the process itself leaves no program behind that it started.
 *
 * @example
 * ```ts
 * import { main, task } from "@kedge/kedge";
 *
 * const hello = task({ name: "hello", description: "Greet", run: ({ log }) => log("Hello") });
 *
 * if (import.meta.main) await main({ hello });
 * ```
 */
export async function main(
  tasks: Readonly<Record<string, AnyTask>>,
  options: MainOptions = {},
): Promise<void> {
  globalThis.removeEventListener("unhandledrejection", endByDeclaration);
  const stop = new AbortController();
  stopOnSignals(stop);
  const output = processOutput();
  try {
    const exitCode = await exitCodeOfRun(tasks, options, stop.signal, output);
    const { lost } = output;
    if (lost !== undefined) tellPlainly(lost, output);
    // What failed is told by its own code; that lines of it were lost, only where nothing did.
    Deno.exit(exitCode === ExitCode.ok && lost !== undefined ? exitCodeOf(lost) : exitCode);
  } catch (error) {
    const exitCode = exitCodeOf(error);
    try {
      tellPlainly(error, output);
    } finally {
      Deno.exit(exitCode);
    }
  }
}

// What cannot be declared ends a task file before it calls main().
globalThis.addEventListener("unhandledrejection", endByDeclaration);

function endByDeclaration(event: PromiseRejectionEvent): void {
  if (!isDeclaration(event.reason)) return;
  event.preventDefault();
  void tellDeclaration(event.reason);
}

async function tellDeclaration(error: UsageError): Promise<void> {
  const { reporterFor } = await import("./reporter_ready.ts");
  const json = Deno.args.includes("--json");
  const reporter = await reporterFor({ json }, processOutput(), surroundings());
  const data = { ...errorData(error), ...defined({ at: calledAt(error) }) };
  reporter.result({ type: "result", task: null, ok: false, error: data });
  Deno.exit(error.exitCode);
}

async function exitCodeOfRun(
  tasks: Readonly<Record<string, AnyTask>>,
  options: MainOptions,
  signal: AbortSignal,
  output: Output,
): Promise<ExitCode> {
  const project = folderOf(Deno.mainModule);
  const lockfile = options.lockfile ??
    (project === undefined ? false : join(project, "kedge.lock"));
  const traces = await tracesIfWanted();
  const host: ProgramHost = {
    name: options.name ?? programName(),
    ...defined({ version: options.version }),
    argv: options.args ?? Deno.args,
    env,
    ...folders(),
    ...(project === undefined ? {} : { project }),
    ...(lockfile === false ? {} : { lockfile }),
    signal,
    shell: options.shell ?? true,
    endsWithRun: true,
    confirm: async (question, signal) => {
      const { askPerson } = await import("./ask_person.ts");
      return await askPerson(question, signal);
    },
    print: (text) => output.data(text),
    reporter: async (settings, redactor) => {
      const { reporterFor } = await import("./reporter_ready.ts");
      const reporter = await reporterFor(settings, output, surroundings());
      return traces?.around(reporter, redactor) ?? reporter;
    },
  };
  const run = () => runProgram(tasks, host);
  return await (traces?.within(run) ?? run());
}

/** What failed outside of a run, where not even what shows a run could be made. */
function tellPlainly(error: unknown, output: Output): void {
  const { message } = errorData(error);
  const words = visible(new Redactor().redact(message));
  output.line(`error: ${env("GITHUB_ACTIONS") === "true" ? withoutCommands(words) : words}`);
}

/** Tracing is loaded for who asks Deno for it, and costs nobody else anything. */
async function tracesIfWanted(): Promise<Traces | undefined> {
  if (!env("OTEL_DENO")) return undefined;
  const { Traces } = await import("./traces.ts");
  return new Traces();
}

function stopOnSignals(stop: AbortController): void {
  let first: number | undefined;
  const on = (name: "SIGINT" | "SIGTERM" | "SIGHUP") => () => {
    const reason = new StoppedError(name);
    if (first === undefined) {
      first = performance.now();
      stop.abort(reason);
    } else if (performance.now() - first >= secondSignalMs) {
      liveProcesses.killAll();
      Deno.exit(reason.exitCode);
    }
  };
  Deno.addSignalListener("SIGINT", on("SIGINT"));
  if (Deno.build.os !== "windows") {
    Deno.addSignalListener("SIGTERM", on("SIGTERM"));
    Deno.addSignalListener("SIGHUP", on("SIGHUP"));
  }
  const stray = (event: Event, thrown: unknown) => {
    event.preventDefault();
    const { message } = errorData(thrown);
    stop.abort(new KedgeError(`Cannot go on: nobody handled "${message}"`, { cause: thrown }));
  };
  globalThis.addEventListener("unhandledrejection", (event) => stray(event, event.reason));
  globalThis.addEventListener("error", (event) => stray(event, event.error));
  globalThis.addEventListener("unload", () => liveProcesses.killAll());
}

/** What Deno lets every program read. */
const freeToRead: readonly string[] = ["FORCE_COLOR", "NO_COLOR"];

/** An environment variable; one that must not be read is not there. */
function env(name: string): string | undefined {
  return freeToRead.includes(name) ? Deno.env.get(name) : grantedVariable(name);
}

/** Under `deno task` the working folder is that of deno.json; what was typed means the folder it was typed in. */
function folders(): { cwd: string; typedIn: string } {
  const cwd = Deno.cwd();
  const typedIn = env("INIT_CWD");
  const isWithin = typedIn !== undefined && typedIn !== "" &&
    !relative(cwd, resolve(typedIn)).startsWith("..");
  return { cwd, typedIn: isWithin ? resolve(typedIn) : cwd };
}

function folderOf(mainModule: string): string | undefined {
  return mainModule.startsWith("file:") ? dirname(fromFileUrl(mainModule)) : undefined;
}

function programName(): string {
  return Deno.mainModule.startsWith("file:") ? basename(fromFileUrl(Deno.mainModule)) : "kedge";
}

function surroundings(): Surroundings {
  const isTerminal = Deno.stderr.isTerminal();
  return {
    env,
    isTerminal,
    isDataShown: () => Deno.stdout.isTerminal(),
    size: () => isTerminal ? sizeOfTerminal() : undefined,
  };
}

/** A terminal that does not tell its size has none. */
function sizeOfTerminal(): TerminalSize | undefined {
  try {
    const size = Deno.consoleSize();
    return size.columns > 0 && size.rows > 0 ? size : undefined;
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
