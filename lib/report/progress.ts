/**
 * What moves while a run goes on.
 *
 * @module
 */
import type { RunEvent } from "../runner/events.ts";
import { formatBytes } from "../base/bytes.ts";
import type { PartProgress } from "../operation/event.ts";
import { timeLeft } from "./time_left.ts";
import { visible } from "./visible.ts";

/** Shows how far things are. */
export interface Progress {
  /** Takes an event. */
  report(event: RunEvent): void;
  /** Prints something above whatever moves. */
  above(print: () => void): void;
  /** Nothing is to move until this is disposed of: a person is asked. */
  pause(): Disposable;
  /** Nothing moves any more. */
  close(): void;
}

/** Shows nothing. */
export const noProgress: Progress = {
  report() {},
  above: (print) => print(),
  pause: () => ({ [Symbol.dispose]() {} }),
  close() {},
};

const everyMs = 5000;

/** A line for each operation that takes long, every five seconds. */
export class PlainProgress implements Progress {
  #say: (line: string) => void;
  #now: () => number;
  #last = new Map<string, number>();
  #since = new Map<string, number>();

  /** Says its lines through the given function. */
  constructor(say: (line: string) => void, now: () => number = () => performance.now()) {
    this.#say = say;
    this.#now = now;
  }

  report(event: RunEvent): void {
    if (event.type === "operation-start") this.#last.set(event.operation, this.#now());
    if (event.type === "operation-end") {
      this.#last.delete(event.operation);
      this.#since.delete(event.operation);
    }
    if (event.type !== "progress") return;
    if (event.bytesToMove === 0 && event.leftMs === undefined) return;
    const now = this.#now();
    const since = this.#since.get(event.operation) ?? now;
    this.#since.set(event.operation, since);
    if (now - (this.#last.get(event.operation) ?? now) < everyMs) return;
    this.#last.set(event.operation, now);
    const head = event.task === undefined ? "" : `[${event.task}] `;
    const left = timeLeft({ ...event, movingMs: now - since });
    const facts = [event.bytesToMove === 0 ? [] : howFar(event), left ?? []].flat();
    if (facts.length === 0) return;
    const parts = (event.parts ?? []).map((part) => `${visible(part.label)} ${howFar(part)}`);
    this.#say(
      `${head}${event.phase}: ${facts.join(", ")}${
        parts.length === 0 ? "" : ` (${parts.join(", ")})`
      }`,
    );
  }

  above(print: () => void): void {
    print();
  }

  pause(): Disposable {
    return noProgress.pause();
  }

  close(): void {
    this.#last.clear();
    this.#since.clear();
  }
}

function howFar({ bytesMoved, bytesToMove }: Omit<PartProgress, "label">): string {
  return `${formatBytes(bytesMoved)} of ${formatBytes(bytesToMove)}`;
}
