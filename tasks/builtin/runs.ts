import { formatBytes } from "../../lib/base/bytes.ts";
import { formatDuration } from "../../lib/base/duration.ts";
import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { listRuns, type ShownRun, showRun } from "../runs.ts";

/** `runs`. */
export const runsTask = task({
  name: "runs",
  description: "List the latest runs, one per line: id, start, duration, exit code, command",
  group: "the journal",
  query: true,
  args: {
    limit: arg.number({
      description: "Maximum number of runs that are listed",
      integer: true,
      min: 1,
      default: 50,
    }),
  },
  run: ({ args, ...ctx }) => listRuns(args, ctx),
  output: (runs) => runs.map((run) => `${run.id}  ${lineOf(run)}`),
});

/** `runs:show ID`. */
export const runsShowTask = task({
  name: "runs:show",
  description: "Show the operations and steps of one run",
  group: "the journal",
  query: true,
  args: {
    id: arg.string({
      description: "The id of the run, or its beginning",
      positional: true,
      required: true,
      example: "72b2082b",
    }),
  },
  run: ({ args, ...ctx }) => showRun(args, ctx),
  output: linesOf,
});

function lineOf(run: Pick<ShownRun, "started" | "ended" | "exitCode" | "command">): string {
  const time = run.ended === null ? "not ended" : span(run.started, run.ended);
  const state = run.exitCode === null ? "-" : String(run.exitCode);
  return `${new Date(run.started).toISOString()}  ${time.padEnd(9)}  ${
    state.padEnd(3)
  }  ${run.command}`;
}

function linesOf(run: ShownRun): string[] {
  const lines = [lineOf(run)];
  for (const { kind, subject, figures, error, started, steps } of run.operations) {
    const outcome = error !== null
      ? `failed: ${error["message"]}`
      : figures === null
      ? "not ended"
      : `moved ${formatBytes(Number(figures["bytesMoved"]))}, reused ${
        formatBytes(Number(figures["bytesReused"]))
      }: ${figures["why"]}`;
    lines.push(`${kind} ${subject}: ${outcome}`);
    for (const step of steps) {
      const object = step.object === "" ? "" : ` ${step.object}`;
      const when = span(started, step.at);
      lines.push(`  +${when} ${step.phase}${object}: ${step.state}${detailOf(step.detail)}`);
    }
  }
  return lines;
}

/** How long something took; by a clock that was set back meanwhile nobody can tell. */
function span(startedMs: number, endedMs: number): string {
  return endedMs < startedMs ? "?" : formatDuration(endedMs - startedMs);
}

/** What a step says beside its state: the habits of a registry, the size of what arrived. */
function detailOf(detail: Record<string, unknown> | null): string {
  const facts = Object.entries(detail ?? {}).filter(([, value]) => typeof value !== "object");
  return facts.length === 0
    ? ""
    : ` (${facts.map(([key, value]) => `${key} ${value}`).join(", ")})`;
}
