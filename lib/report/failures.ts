/**
 * Tells why tasks failed.
 *
 * Invariant: each failure is told once in full: as the error of the run, last, where that is it; else where it happens, so that nobody waits
 * for the end of the run to know it. After that the end of the run names the task only.
 *
 * @module
 */
import { ExitCode } from "../base/errors.ts";
import { listed } from "../base/listed.ts";
import type { ErrorData } from "../operation/event.ts";
import type { RunEvent, TaskSummary } from "../runner/events.ts";
import { failedWords } from "../runner/failed_words.ts";
import { hintLines } from "./hint_lines.ts";
import type { Paint } from "./paint.ts";
import { visible } from "./visible.ts";

/** What may end a task of a dry run for want of what one before it would have made. */
const forWant: readonly number[] = [ExitCode.failed, ExitCode.usage, ExitCode.incomplete];
/** The most that are named of what a dry run left unmade. */
const mostNamed = 3;

/** Knows what was told. */
export class Failures {
  #told = new Set<string>();
  #failed: string[] = [];
  #unmade = new Set<string>();
  #isEndTold = false;
  #paint: Paint;

  /** Has told nothing yet. */
  constructor(paint: Paint) {
    this.#paint = paint;
  }

  /** Takes what a dry run would have done. */
  report(event: RunEvent): void {
    if (event.type !== "operation-end" || !event.ok) return;
    const { dryRun, changed } = event.figures;
    if (dryRun && changed) this.#unmade.add(`"${event.kind} ${event.subject}"`);
  }

  /** The lines of a failure that is told where it happens: what others said in the same words already is not told in full again. */
  whenItHappens(error: ErrorData): string[] {
    const isTold = this.#told.has(error.message);
    const rest = isTold ? [] : this.#rest(error);
    for (const words of [error.message, ...error.causes ?? []]) this.#told.add(words);
    return [visible(error.message), ...rest];
  }

  /** Takes the error that ends the run, in the words in which a task that threw it may have told it: the run itself names flags in it. */
  endsRun(error: ErrorData): void {
    this.#isEndTold = this.#told.has(error.message);
  }

  /** Takes what became of the tasks. */
  endRun(tasks: readonly TaskSummary[]): void {
    this.#failed = tasks.filter(({ status }) => status === "failed").map(({ task }) => task);
  }

  /** The lines of the error of the run. */
  atTheEnd(error: ErrorData): string[] {
    const head = this.#paint.bad("error:");
    const lines = this.#isEndTold || this.#told.has(error.message)
      ? [`${head} ${visible(failedWords(this.#failed))}`]
      : [`${head} ${visible(error.message)}`, ...this.#rest(error)];
    return [...lines, ...hintLines(this.#hintOfUnmade(error), this.#paint)];
  }

  /** A task of a dry run may fail where the same task of a run finds what others made before it. */
  #hintOfUnmade({ exitCode }: ErrorData): string | undefined {
    if (this.#unmade.size === 0 || !forWant.includes(exitCode)) return undefined;
    const named = [...this.#unmade].slice(0, mostNamed);
    const rest = this.#unmade.size - named.length;
    const all = listed(rest === 0 ? named : [...named, `${rest} more`]);
    return `a dry run makes nothing, and what failed may need what ${all} would have made`;
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
