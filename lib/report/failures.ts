/**
 * Tells why tasks failed.
 *
 * Invariant: each failure is told once in full: as the error of the run, last, where that is it; else where it happens, so that nobody waits
 * for the end of the run to know it. After that the end of the run names the task only.
 *
 * @module
 */
import type { ErrorData } from "../operation/event.ts";
import type { TaskSummary } from "../runner/events.ts";
import { failedWords } from "../runner/failed_words.ts";
import { hintLines } from "./hint_lines.ts";
import type { Paint } from "./paint.ts";
import { visible } from "./visible.ts";

/** Knows what was told. */
export class Failures {
  #told = new Set<string>();
  #failed: string[] = [];
  #paint: Paint;

  /** Has told nothing yet. */
  constructor(paint: Paint) {
    this.#paint = paint;
  }

  /** The lines of a failure that is told where it happens: what others said in the same words already is not told in full again. */
  whenItHappens(error: ErrorData): string[] {
    const isTold = this.#told.has(error.message);
    const rest = isTold ? [] : this.#rest(error);
    for (const words of [error.message, ...error.causes ?? []]) this.#told.add(words);
    return [visible(error.message), ...rest];
  }

  /** Takes what became of the tasks. */
  endRun(tasks: readonly TaskSummary[]): void {
    this.#failed = tasks.filter(({ status }) => status === "failed").map(({ task }) => task);
  }

  /** The lines of the error of the run. */
  atTheEnd(error: ErrorData): string[] {
    const head = this.#paint.bad("error:");
    if (this.#told.has(error.message)) return [`${head} ${visible(failedWords(this.#failed))}`];
    return [`${head} ${visible(error.message)}`, ...this.#rest(error)];
  }

  #rest({ causes = [], hints = [], at, hint }: ErrorData): string[] {
    const paint = this.#paint;
    const next = new Map(hints.map((each) => [each.cause, each.hint]));
    return [
      ...causes.filter((cause) => !this.#told.has(cause)).flatMap((cause) => [
        `${paint.faint("caused by:")} ${visible(cause)}`,
        ...hintLines(next.get(cause), paint),
      ]),
      ...(at === undefined ? [] : [`${paint.faint("at:")} ${visible(at)}`]),
      ...hintLines(hint, paint),
    ];
  }
}
