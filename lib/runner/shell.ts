/**
 * `$`: the shell of dax, bound to one task.
 *
 * Invariants: every command gets the task's signal and a marker in its environment, by which an abort finds all descendants of it;
 * what a command prints goes on as whole, redacted lines, unless the task takes it; in a dry run a command is told and not run,
 * whatever it would be fed with. This file is loaded before the first task that may use `$`, and by nothing else.
 *
 * @module
 */
import defer * as dax from "@david/dax";
import type { $Type } from "@david/dax";
import { liveProcesses } from "../base/live_processes.ts";
import { MarkedProcesses } from "../base/marked_processes.ts";
import type { Redactor } from "../base/redactor.ts";
import { lazyShell } from "./lazy_shell.ts";
import { watched } from "./bound_command.ts";
import { searchablePath } from "./searchable_path.ts";
import type { Shell } from "./shell_type.ts";
import type { RunnerEvent } from "./events.ts";

/** What a shell is bound to. */
export interface ShellOptions {
  /** Ends every command. */
  signal: AbortSignal;
  /** Takes secrets out of what is echoed and printed. */
  redactor: Redactor;
  /** Whether commands are told instead of run. */
  dryRun: boolean;
  /** The working folder. @default {that of the program} */
  cwd?: string;
  /** Variables added to the environment. */
  env?: Record<string, string>;
  /** Takes the echoed commands, their output and what is logged. */
  report: (event: ShellEvent) => void;
}

/** What a shell tells. */
export type ShellEvent = Extract<RunnerEvent, { type: "command" | "output" | "log" }>;

/** A shell, and how all that it started is ended. */
export interface BoundShell {
  /** The shell. */
  readonly $: Shell;
  /** Ends all that is left of its commands: SIGTERM, SIGKILL after the grace. */
  stop(graceMs: number): Promise<void>;
}

/** The shell of dax, bound to a task; dax itself is evaluated when the shell is first used. */
export function bindShell(options: ShellOptions): BoundShell {
  const marked = new MarkedProcesses();
  const kill = () => marked.kill();
  let running = 0;
  let live: Disposable | undefined;
  let used = false;
  const count = (change: 1 | -1) => {
    running += change;
    if (running > 0) {
      live ??= liveProcesses.add(kill);
    } else {
      live?.[Symbol.dispose]();
      live = undefined;
    }
  };
  const make = (dryRun: boolean): $Type => {
    used = true;
    return makeShell({ ...options, dryRun }, marked, count);
  };
  const always = lazyShell(() => make(false) as Shell);
  return {
    $: lazyShell(() => Object.assign(make(options.dryRun), { always })),
    async stop(graceMs) {
      if (!used) return;
      using _live = liveProcesses.add(kill);
      const killAt = performance.now() + graceMs;
      for (let waitMs = 5;; waitMs = Math.min(waitMs * 2, 100)) {
        // A command that is being started at this moment has no process yet.
        const isIdle = running === 0;
        await marked.stop(Math.max(0, killAt - performance.now()));
        if (isIdle || performance.now() > killAt + 1000) return;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    },
  };
}

/** The shell of dax with nothing between it and the terminal, for a task function that is used alone. */
export function plainShell(signal: AbortSignal): Shell {
  const shell = dax.build$({
    commandBuilder: (builder) => builder.signal(signal).env(searchablePath()),
  }) as unknown as $Type;
  return Object.assign(shell, { always: shell });
}

function makeShell(
  options: ShellOptions,
  marked: MarkedProcesses,
  count: (change: 1 | -1) => void,
): $Type {
  const { redactor, report, dryRun } = options;
  let base = new dax.CommandBuilder().signal(options.signal)
    .env({ ...options.env, ...searchablePath(options.env?.["PATH"]), ...marked.env });
  if (options.cwd !== undefined) base = base.cwd(options.cwd);
  const commandBuilder = watched(base, {
    redactor,
    dryRun,
    throwIfStopped: () => options.signal.throwIfAborted(),
    started: (text) => {
      options.signal.throwIfAborted();
      report({ type: "command", command: redactor.redact(text), dryRun });
      count(1);
    },
    ended: () => count(-1),
    printed: (stream, text) => report({ type: "output", stream, text }),
  });
  const shell = dax.build$({ commandBuilder }) as unknown as $Type;
  const log = (level: "info" | "warning") => (...data: unknown[]) =>
    report({ type: "log", level, message: redactor.redact(shell.stripAnsi(data.join(" "))) });
  shell.setInfoLogger(log("info"));
  shell.setWarnLogger(log("warning"));
  shell.setErrorLogger(log("warning"));
  commandBuilder.setPrintCommandLogger(() => {});
  return shell;
}
