import { formatBytes } from "../base/bytes.ts";
import { formatDuration } from "../base/duration.ts";
import { columnsOf, cutToColumns } from "./columns.ts";

/** How far one task is. */
export interface LiveTask {
  /** What it is called. */
  readonly name: string;
  /** How long it has been running, in milliseconds. */
  readonly elapsedMs: number;
  /** Bytes that it moved, and is to move, all its operations together; `Infinity` where nobody knows. */
  readonly bytesMoved: number;
  /** See `bytesMoved`; 0 while nothing is to be moved. */
  readonly bytesToMove: number;
  /** How long it has been moving bytes, in milliseconds. */
  readonly movingMs: number;
}

const frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const frameMs = 100;
const longestBar = 30;
const shortestBar = 4;
const judgeAfterMs = 1000;

/**
 * The line of a task that runs: a spinner, its name, and what there is room for of a bar, the share, the bytes, the rate, the time
 * that is left and the time that went by.
 * It never takes more than so many columns.
 */
export function liveLine(task: LiveTask, columns: number): string {
  const spinner = frames[Math.floor(task.elapsedMs / frameMs) % frames.length]!;
  const head = `${spinner} ${task.name}`;
  const parts = partsOf(task);
  while (parts.length > 0 && columnsOf([head, ...parts].join("  ")) > columns) parts.pop();
  const line = [head, ...parts].join("  ");
  const room = columns - columnsOf(line) - 2;
  const isMeasured = task.bytesToMove > 0 && task.bytesToMove < Infinity;
  if (!isMeasured || room < shortestBar) return cutToColumns(line, columns);
  return [head, barOf(share(task), Math.min(room, longestBar)), ...parts].join("  ");
}

/** What is said beside the name, what matters most first. */
function partsOf(task: LiveTask): string[] {
  const { bytesMoved, bytesToMove, elapsedMs, movingMs } = task;
  const time = formatDuration(elapsedMs);
  if (bytesToMove === 0) return [time];
  const bytesPerMs = bytesMoved / Math.max(movingMs, 1);
  const rate = `${formatBytes(bytesPerMs * 1000)}/s`;
  const moved = formatBytes(bytesMoved);
  if (bytesToMove === Infinity) return [moved, rate, time];
  const percent = `${Math.floor(share(task) * 100)}%`.padStart(4);
  const left = leftOf((bytesToMove - bytesMoved) / bytesPerMs, movingMs);
  return [percent, `${moved} of ${formatBytes(bytesToMove)}`, rate, ...left, time];
}

/** The time that is left, once there is enough to judge by. */
function leftOf(leftMs: number, movingMs: number): string[] {
  if (movingMs < judgeAfterMs || !(leftMs > 0 && leftMs < Infinity)) return [];
  const seconds = Math.ceil(leftMs / 1000);
  return [`${seconds < 60 ? `${seconds}s` : formatDuration(seconds * 1000)} left`];
}

function share({ bytesMoved, bytesToMove }: LiveTask): number {
  return Math.min(1, bytesMoved / bytesToMove);
}

function barOf(part: number, columns: number): string {
  const full = Math.floor(part * columns);
  return "█".repeat(full) + "░".repeat(columns - full);
}
