import { formatBytes } from "../base/bytes.ts";
import { formatDuration } from "../base/duration.ts";
import type { TaskSummary } from "../runner/events.ts";

/** The table at the end of a run: what each task took, moved and reused, and why. */
export function summaryTable(tasks: readonly TaskSummary[], durationMs: number): string[] {
  const rows = tasks.map((each) => [
    each.task,
    each.status,
    formatDuration(each.durationMs),
    each.figures === undefined ? "" : formatBytes(each.figures.bytesMoved),
    each.figures === undefined ? "" : formatBytes(each.figures.bytesReused),
    each.why ?? "",
  ]);
  const head = ["task", "state", "time", "moved", "reused", "why"];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length))
  );
  const lines = [head, ...rows].map((row) =>
    row.map((cell, column) => column === row.length - 1 ? cell : cell.padEnd(widths[column]!))
      .join("  ").trimEnd()
  );
  return [...lines, `in ${formatDuration(durationMs)}`];
}
