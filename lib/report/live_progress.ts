/**
 * The lines at the foot of a terminal that move while tasks run, one for each task.
 *
 * Invariants: a line never takes more than the terminal's columns, and all of them fewer than its rows, so that nothing wraps or
 * scrolls away; whatever else is printed goes above them in one piece; the cursor, which is hidden while they stand, is back once
 * they are gone, however the program ends.
 *
 * @module
 */
import type { RunEvent } from "../runner/events.ts";
import type { PartProgress } from "../operation/event.ts";
import { liveLine, type LiveTask } from "./live_line.ts";
import type { Output } from "./output.ts";
import type { Progress } from "./progress.ts";
import { visible } from "./visible.ts";

/** The size of a terminal. */
export interface TerminalSize {
  /** Letters in a line. */
  readonly columns: number;
  /** Lines. */
  readonly rows: number;
}

interface Moving {
  moved: number;
  toMove: number;
  sinceMs: number;
  leftMs: number | undefined;
  parts: readonly PartProgress[];
}

interface Running {
  readonly started: number;
  readonly operations: Map<string, Moving>;
}

const everyMs = 100;
const hideCursor = "\x1b[?25l";
const showCursor = "\x1b[?25h";

/** One line for each task that runs. */
export class LiveProgress implements Progress {
  #output: Output;
  #size: () => TerminalSize;
  #running = new Map<string, Running>();
  #isDrawn = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isPaused = false;
  #isHidden = false;
  #restore = () => this.close();

  /** Writes to the given output; the size is asked for at each drawing, since it may change. */
  constructor(output: Output, size: () => TerminalSize) {
    this.#output = output;
    this.#size = size;
  }

  report(event: RunEvent): void {
    switch (event.type) {
      case "run-start":
        if (!event.query) this.#start();
        break;
      case "task-start":
        this.#running.set(event.task, { started: performance.now(), operations: new Map() });
        break;
      case "task-end":
        this.#running.delete(event.task);
        break;
      case "progress": {
        const operations = this.#running.get(event.task ?? "")?.operations;
        operations?.set(event.operation, {
          moved: event.bytesMoved,
          toMove: event.bytesToMove,
          sinceMs: operations.get(event.operation)?.sinceMs ?? performance.now(),
          leftMs: event.leftMs,
          parts: event.parts ?? [],
        });
        break;
      }
      case "run-end":
        this.close();
        break;
    }
  }

  above(print: () => void): void {
    if (!this.#isDrawn) return print();
    this.#output.raw(this.#erase());
    print();
    this.#draw();
  }

  pause(): Disposable {
    this.#isPaused = true;
    this.#clear();
    return { [Symbol.dispose]: () => void (this.#isPaused = false) };
  }

  close(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#clear();
    globalThis.removeEventListener("unload", this.#restore);
  }

  #start(): void {
    globalThis.addEventListener("unload", this.#restore);
    this.#timer = setInterval(() => {
      if (!this.#isPaused) this.#draw();
    }, everyMs);
    Deno.unrefTimer(this.#timer as unknown as number);
  }

  /** The cursor waits where the first line begins, so that neither an echoed key nor a narrower terminal moves what is taken away. */
  #draw(): void {
    const lines = this.#lines();
    if (lines.length === 0) return this.#clear();
    const hidden = this.#isHidden ? "" : hideCursor;
    const up = lines.length > 1 ? `\x1b[${lines.length - 1}A` : "";
    this.#output.raw(`${hidden}${this.#erase()}${lines.join("\n")}\r${up}`);
    this.#isHidden = true;
    this.#isDrawn = true;
  }

  #clear(): void {
    const lines = this.#erase();
    this.#output.raw(this.#isHidden ? lines + showCursor : lines);
    this.#isHidden = false;
  }

  #lines(): string[] {
    const { columns, rows } = this.#size();
    const all = [...this.#running].map(([name, task]) =>
      liveLine({
        name: visible(name).replace(/\s/g, " "),
        elapsedMs: performance.now() - task.started,
        ...sums(task.operations.values(), performance.now()),
      }, columns)
    );
    const most = Math.max(1, rows - 1);
    return all.length <= most ? all : all.slice(0, most);
  }

  /** What takes the lines away. */
  #erase(): string {
    const lines = this.#isDrawn ? "\r\x1b[J" : "";
    this.#isDrawn = false;
    return lines;
  }
}

function sums(
  operations: Iterable<Moving>,
  nowMs: number,
): Pick<LiveTask, "bytesMoved" | "bytesToMove" | "leftMs" | "movingMs" | "parts"> {
  const parts: PartProgress[] = [];
  let [bytesMoved, bytesToMove, movingMs] = [0, 0, 0];
  let leftMs: number | undefined;
  for (const { moved, toMove, sinceMs, leftMs: some, parts: of } of operations) {
    parts.push(...of);
    if (some !== undefined) leftMs = Math.max(some, leftMs ?? 0);
    bytesMoved += moved;
    bytesToMove += Math.max(moved, toMove);
    movingMs = Math.max(movingMs, nowMs - sinceMs);
  }
  return { bytesMoved, bytesToMove, leftMs, movingMs, parts };
}
