import { formatBytes } from "../base/bytes.ts";
import { formatDuration } from "../base/duration.ts";
import type { TaskStatus, TaskSummary } from "../runner/events.ts";
import { columnsOf, cutToColumns } from "./columns.ts";
import type { Paint } from "./paint.ts";
import { visible } from "./visible.ts";

/** What a status is called in a table. */
export const statusWords: Readonly<Record<TaskStatus, string>> = {
  "done": "done",
  "fresh": "fresh",
  "failed": "failed",
  "stopped": "stopped",
  "not-run": "not run",
};

/**
 * The table at the end of a run: what each task took, moved and reused, and why. Where it does not fit, its last column is cut, and
 * on a very narrow terminal each task gets lines of its own, which are whole. Why a task failed is told elsewhere.
 */
export function summaryTable(
  tasks: readonly TaskSummary[],
  paint: Paint,
  columns = Infinity,
): string[] {
  const rows = tasks.map(rowOf);
  const head = ["task", "state", "time", "moved", "reused", "why"];
  const used = head.map((_, column) => rows.some((row) => row[column] !== ""));
  const widths = head.map((title, column) =>
    used[column] ? Math.max(title.length, ...rows.map((row) => columnsOf(row[column]!))) : 0
  );
  const before = widths.slice(0, 5).reduce((sum, width) => sum + (width === 0 ? 0 : width + 2), 0);
  if (before + 12 > columns) return rows.flatMap(stacked);
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) =>
      !used[column]
        ? ""
        : column === 5
        ? cutToColumns(cell, columns - before)
        : `${cell}${" ".repeat(widths[column]! - columnsOf(cell))}  `
    ).join("").trimEnd();
  return [
    paint.faint(line(head)),
    ...rows.map((row, index) => coloured(line(row), tasks[index]!.status, paint)),
  ];
}

/** The line below the table. */
export function summaryTotal(
  tasks: readonly TaskSummary[],
  durationMs: number,
  dryRun: boolean,
): string {
  const figures = tasks.flatMap((each) => each.figures ?? []);
  const time = formatDuration(durationMs);
  if (figures.length === 0) return `${tasks.length} tasks in ${time}`;
  const moved = formatBytes(figures.reduce((sum, each) => sum + each.bytesMoved, 0));
  const reused = formatBytes(figures.reduce((sum, each) => sum + each.bytesReused, 0));
  return dryRun
    ? `in ${time}: ${moved} would be moved, ${reused} reused; nothing was written`
    : `in ${time}: ${moved} moved, ${reused} reused`;
}

function rowOf(each: TaskSummary): string[] {
  return [
    visible(each.task),
    statusWords[each.status],
    each.status === "not-run" ? "" : formatDuration(each.durationMs),
    each.figures === undefined ? "" : formatBytes(each.figures.bytesMoved),
    each.figures === undefined ? "" : formatBytes(each.figures.bytesReused),
    each.status === "failed" ? "" : visible(each.why ?? ""),
  ];
}

/** Lines that may wrap: cut to a column or two they would tell nothing. */
function stacked(row: readonly string[]): string[] {
  const [task, state, time, moved, reused] = row;
  return [
    `${task}: ${state}`,
    ...(time === "" ? [] : [`  ${time}`]),
    ...(moved === "" ? [] : [`  moved ${moved}`, `  reused ${reused}`]),
  ];
}

function coloured(line: string, status: TaskStatus, paint: Paint): string {
  const word = statusWords[status];
  const shown = status === "failed"
    ? paint.bad(word)
    : status === "done" || status === "fresh"
    ? paint.good(word)
    : paint.notice(word);
  return line.replace(`  ${word}`, `  ${shown}`);
}
