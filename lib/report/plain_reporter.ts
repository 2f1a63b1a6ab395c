import { formatBytes } from "../base/bytes.ts";
import { formatDuration } from "../base/duration.ts";
import type { Reporter, RunEvent, RunResult } from "../runner/events.ts";
import type { Output } from "./output.ts";
import { summaryTable } from "./summary_table.ts";

/** One line for each thing that happens; no colours, no moving parts. */
export class PlainReporter implements Reporter {
  #output: Output;
  #quiet: boolean;

  /** Writes to the given output. */
  constructor(output: Output, quiet = false) {
    this.#output = output;
    this.#quiet = quiet;
  }

  report(event: RunEvent): void {
    if (this.#quiet && !(event.type === "task-end" && event.status === "failed")) return;
    const line = lineOf(event);
    if (line !== undefined) this.#output.line(line);
    if (event.type === "run-end" && event.tasks.length > 0) {
      for (const row of summaryTable(event.tasks, event.durationMs)) this.#output.line(row);
    }
  }

  result(result: RunResult): void {
    if (result.ok) {
      for (const line of result.lines) this.#output.data(line);
      return;
    }
    this.#output.line(`error: ${result.error.message}`);
    if (result.error.hint !== undefined) this.#output.line(`hint: ${result.error.hint}`);
  }

  print(text: string): void {
    this.#output.data(text);
  }

  close(): Promise<void> {
    return this.#output.flush();
  }
}

function lineOf(event: RunEvent): string | undefined {
  const head = event.type !== "run-start" && event.type !== "run-end" && event.task !== undefined
    ? `[${event.task}] `
    : "";
  switch (event.type) {
    case "task-start":
      return `${head}started`;
    case "task-retry":
      return `${head}failed: ${event.error.message}; again in ${formatDuration(event.delayMs)}`;
    case "task-end":
      return `${head}${event.status} in ${formatDuration(event.durationMs)}${
        event.why === undefined ? "" : `: ${event.why}`
      }`;
    case "plan":
      return `${head}plan: move ${event.exact ? "" : "at most "}${
        formatBytes(event.bytesToMove)
      }, reuse ${formatBytes(event.bytesToReuse)}, ${event.requests} requests: ${event.why}`;
    case "note":
    case "log":
      return `${head}${event.level === "warning" ? "warning: " : ""}${event.message}`;
    case "command":
      return `${head}$ ${event.command}`;
    case "output":
      return event.text.replace(/\n$/, "").split("\n").map((line) => head + line).join("\n");
    default:
      return undefined;
  }
}
