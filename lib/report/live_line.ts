import { formatBytes } from "../base/bytes.ts";
import { formatDuration } from "../base/duration.ts";
import type { PartProgress } from "../operation/event.ts";
import { timeLeft } from "./time_left.ts";
import { visible } from "./visible.ts";
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
  /** How long the rest takes, in milliseconds, where that is known better than by the bytes. */
  readonly leftMs?: number | undefined;
  /** Its destinations, where there are several. */
  readonly parts?: readonly PartProgress[];
}

const frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const frameMs = 100;
const longestBar = 30;
const shortestBar = 4;

/**
 * The line of a task that runs: a spinner, its name, and what there is room for of a bar, the share, the bytes, the rate, the time
 * that is left, the time that went by and how far each destination is.
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
  const left = timeLeft(task) ?? [];
  if (bytesToMove === 0) return [left, time].flat();
  const bytesPerMs = bytesMoved / Math.max(movingMs, 1);
  const rate = `${formatBytes(bytesPerMs * 1000)}/s`;
  const moved = formatBytes(bytesMoved);
  if (bytesToMove === Infinity) return [moved, rate, time];
  const percent = percentOf(task).padStart(4);
  return [
    percent,
    `${moved} of ${formatBytes(bytesToMove)}`,
    rate,
    left,
    time,
    ...(task.parts ?? []).map((part) => `${visible(part.label)} ${percentOf(part)}`),
  ].flat();
}

type Share = Pick<LiveTask, "bytesMoved" | "bytesToMove">;

function share({ bytesMoved, bytesToMove }: Share): number {
  return bytesToMove === 0 ? 1 : Math.min(1, bytesMoved / bytesToMove);
}

function percentOf(of: Share): string {
  return `${Math.floor(share(of) * 100)}%`;
}

function barOf(part: number, columns: number): string {
  const full = Math.floor(part * columns);
  return "█".repeat(full) + "░".repeat(columns - full);
}
