import type { ErrorData, OperationEvent } from "../operation/event.ts";
import type { Figures } from "../operation/figures.ts";

/** How a task ended. */
export type TaskStatus = "done" | "fresh" | "failed" | "stopped" | "not-run";

/** The outcome of one task, for the table at the end. */
export interface TaskSummary {
  /** The task, and its arguments where it has some. */
  task: string;
  /** How it ended. */
  status: TaskStatus;
  /** From its start to its end. */
  durationMs: number;
  /** What it moved and reused, where it tells. */
  figures?: Figures;
  /** The evidence, or the error, in one sentence. */
  why?: string;
}

/** What a run tells beside what its operations tell. */
export type RunnerEvent =
  | {
    type: "run-start";
    run?: string;
    task: string;
    tasks: number;
    dryRun: boolean;
    query: boolean;
  }
  | { type: "task-start"; task: string; attempt: number }
  | { type: "task-retry"; task: string; attempt: number; delayMs: number; error: ErrorData }
  | ({
    type: "task-end";
    /** Why it failed or was stopped. */
    error?: ErrorData;
    /** Whether the result, at the end, tells what ended it. */
    endsRun?: true;
  } & TaskSummary)
  | { type: "command"; task?: string; command: string; dryRun: boolean }
  | { type: "output"; task?: string; stream: "stdout" | "stderr"; text: string }
  | { type: "log"; task?: string; level: "info" | "warning"; message: string }
  | {
    type: "run-end";
    ok: boolean;
    exitCode: number;
    durationMs: number;
    dryRun: boolean;
    tasks: readonly TaskSummary[];
  };

/** All that a run tells. The union is closed: reporters handle each type. */
export type RunEvent = RunnerEvent | (OperationEvent & { task?: string });

/** What the task that was asked for came to. */
export type RunResult =
  | { type: "result"; task: string; ok: true; value: unknown; lines: readonly string[] }
  | { type: "result"; task: string | null; ok: false; error: ErrorData };

/**
 * One line of `--json`, as a program reads it: an event, or, once and last, what the task that was asked for came to. A number that is
 * `Infinity` in an event is `null` there.
 *
 * @example
 * ```ts
 * import type { RunLine } from "@kedge/kedge";
 *
 * export function resultOf(output: string): unknown {
 *   const lines = output.trimEnd().split("\n").map((line): RunLine => JSON.parse(line));
 *   const last = lines.at(-1);
 *   if (last?.type !== "result") throw new Error("the run ended in the middle");
 *   if (!last.ok) throw new Error(last.error.message);
 *   return last.value;
 * }
 * ```
 */
export type RunLine =
  | RunEvent
  | { type: "result"; task: string; ok: true; value: unknown }
  | { type: "result"; task: string | null; ok: false; error: ErrorData };

/** Takes what a run tells, and makes something of it for a reader or a program. */
export interface Reporter {
  /** Takes an event. */
  report(event: RunEvent): void;
  /** Takes the result, once, last. */
  result(result: RunResult): void;
  /** Shows nothing that moves until what it gives is disposed of: a person is asked something. */
  pause(): Disposable;
  /** Whatever is still held back is shown. */
  close(): Promise<void>;
}
