/**
 * Lines for people: on a terminal, in a log, in GitHub's log.
 *
 * @module
 */
import { formatBytes } from "../base/bytes.ts";
import { counted } from "../base/counted.ts";
import { formatDuration } from "../base/duration.ts";
import type { Reporter, RunEvent, RunResult } from "../runner/events.ts";
import { Failures } from "./failures.ts";
import { hintLines } from "./hint_lines.ts";
import type { Output } from "./output.ts";
import type { Paint } from "./paint.ts";
import type { Progress } from "./progress.ts";
import { statusWords, summaryTable, summaryTotal } from "./summary_table.ts";
import { TaskOutput } from "./task_output.ts";
import { escapeMessage, escapeProperty, printable, visible, withoutCommands } from "./visible.ts";

/** How the lines look. */
export interface TextReporterOptions {
  /** Where they go. */
  readonly output: Output;
  /** Colours. */
  readonly paint: Paint;
  /** How progress is shown. */
  readonly progress: Progress;
  /** Whether only failures and results are shown. */
  readonly quiet: boolean;
  /** Whether each step is shown. */
  readonly verbose: boolean;
  /** How the output of commands is shown. */
  readonly mode: "prefix" | "group" | "interleave";
  /** Whether the lines are read by GitHub. */
  readonly github: boolean;
  /** Whether a terminal shows the data too, on which what comes from outside must not move the cursor. */
  readonly isDataShown: () => boolean;
  /** The width of the terminal at this moment, if there is one. */
  readonly columns: () => number | undefined;
}

type EventOf<T extends RunEvent["type"]> = Extract<RunEvent, { type: T }>;

/** Makes lines of events. */
export class TextReporter implements Reporter {
  #options: TextReporterOptions;
  #kept = new TaskOutput();
  #grouped = new TaskOutput();
  #query = false;
  #failures: Failures;

  /** Shows nothing yet. */
  constructor(options: TextReporterOptions) {
    this.#options = options;
    this.#failures = new Failures(options.paint);
  }

  report(event: RunEvent): void {
    this.#options.progress.report(event);
    this.#failures.report(event);
    switch (event.type) {
      case "run-start":
        this.#query = event.query;
        break;
      case "output":
        this.#takeOutput(event);
        break;
      case "task-end":
        this.#endTask(event);
        break;
      case "run-end":
        this.#endRun(event);
        break;
      default: {
        const line = this.#lineOf(event);
        if (line !== undefined) {
          const head = this.#head(event.task);
          this.#say(`${head}${line.replaceAll("\n", `\n${head}`)}`);
        }
        if ("level" in event && event.level === "warning") {
          this.#annotate("warning", event.task, event.message);
        }
      }
    }
  }

  result(result: RunResult): void {
    const { output, isDataShown } = this.#options;
    if (result.ok) {
      const isShown = result.lines.length > 0 && isDataShown();
      for (const line of result.lines) output.data(isShown ? printable(line) : line);
      return;
    }
    for (const line of this.#failures.atTheEnd(result.error)) this.#say(line, true);
  }

  pause(): Disposable {
    return this.#options.progress.pause();
  }

  close(): Promise<void> {
    this.#options.progress.close();
    return Promise.resolve();
  }

  /** A line for each of the events that are worth one. */
  #lineOf(
    event: Exclude<RunEvent, { type: "run-start" | "output" | "task-end" | "run-end" }>,
  ): string | undefined {
    const { paint, verbose } = this.#options;
    switch (event.type) {
      case "task-start":
        return event.attempt > 1 || verbose ? paint.faint(`try ${event.attempt}`) : undefined;
      case "task-retry":
        return `${paint.notice("failed:")} ${visible(event.error.message)}; again in ${
          formatDuration(event.delayMs)
        }`;
      case "command":
        return paint.faint(`$ ${visible(event.command)}${event.dryRun ? "  (not run)" : ""}`);
      case "log":
      case "note": {
        const said = visible(event.message);
        const hint = event.type === "note" ? event.hint : undefined;
        const line = event.level === "warning" ? `${paint.notice("warning:")} ${said}` : said;
        return [line, ...hintLines(hint, paint)].join("\n");
      }
      case "plan":
        return this.#planLines(event);
      case "phase-start":
        return verbose ? paint.faint(`${event.kind}: ${event.phase}`) : undefined;
      case "object-end":
        return verbose
          ? paint.faint(`${visible(event.label)}: moved ${formatBytes(event.bytesMoved)}`)
          : undefined;
      case "operation-start":
        return verbose ? `${event.kind} ${visible(event.subject)}` : undefined;
      case "operation-end":
      case "object-start":
      case "progress":
        return undefined;
    }
  }

  #planLines(plan: EventOf<"plan">): string | undefined {
    const { verbose, paint } = this.#options;
    const bound = plan.exact || plan.bytesToMove === Infinity ? "" : "at most ";
    const requests = counted(plan.requests, "request");
    // What a plan moves where nothing changes was moved already, to make it.
    const fetched = plan.bytesToMove > 0
      ? ` but ${formatBytes(plan.bytesToMove)} that were read to know it`
      : "";
    const line = plan.changed
      ? `plan: move ${bound}${formatBytes(plan.bytesToMove)}, reuse ${
        formatBytes(plan.bytesToReuse)
      }, ${requests}: ${visible(plan.why)}`
      : `plan: nothing to move${fetched}, ${requests}: ${visible(plan.why)}`;
    if (!verbose) return line;
    const objects = plan.objects.map(({ label, sizeBytes, state }) =>
      paint.faint(
        `  ${state} ${visible(label)}${
          sizeBytes === undefined ? "" : ` ${formatBytes(sizeBytes)}`
        }`,
      )
    );
    return [line, ...objects].join("\n");
  }

  #takeOutput(event: EventOf<"output">): void {
    const task = event.task ?? "";
    this.#kept.add(task, event.text);
    if (this.#options.mode === "group") {
      this.#grouped.add(task, event.text);
      return;
    }
    const head = this.#options.mode === "prefix" ? this.#head(event.task) : "";
    for (const line of event.text.replace(/\n$/, "").split("\n")) this.#say(head + printable(line));
  }

  #endTask(event: EventOf<"task-end">): void {
    if (this.#options.mode === "group") this.#showGroup(event.task, this.#grouped.take(event.task));
    if (event.status === "done" || event.status === "fresh") this.#kept.take(event.task);
    const { paint, quiet, github } = this.#options;
    const { status, task, error } = event;
    const isFailure = status === "failed" && error !== undefined;
    const isOwn = isFailure && event.endsRun !== true;
    if (isFailure && !isOwn) this.#failures.endsRun(error);
    if (this.#query || quiet && !isOwn && !(github && isFailure)) return;
    const time = status === "not-run" ? "" : ` in ${formatDuration(event.durationMs)}`;
    const word = `${statusWords[status]}${time}`;
    const painted = status === "failed"
      ? paint.bad(word)
      : status === "done" || status === "fresh"
      ? paint.good(word)
      : paint.notice(word);
    const isLeft = status === "done" || isFailure || event.endsRun || event.why === undefined;
    const why = isOwn ? this.#failures.whenItHappens(error) : isLeft ? [] : [visible(event.why!)];
    const head = this.#head(task);
    // GitHub shows an annotation in the log too.
    const said = isOwn && github ? [] : why.slice(0, 1);
    for (const line of [[painted, ...said].join(": "), ...why.slice(1)]) {
      this.#say(`${head}${line.replaceAll("\n", `\n${head}`)}`, isOwn);
    }
    if (isFailure) this.#annotate("error", task, error.message);
  }

  /** What GitHub shows beside the run. */
  #annotate(level: "error" | "warning", task: string | undefined, message: string): void {
    const { github, progress, output } = this.#options;
    if (!github) return;
    const title = task === undefined ? "" : ` title=${escapeProperty(task)}`;
    progress.above(() => output.line(`::${level}${title}::${escapeMessage(message)}`));
  }

  #endRun(event: EventOf<"run-end">): void {
    for (const { task, status } of event.tasks) {
      if (status !== "failed") continue;
      const lines = this.#kept.take(task);
      if (lines.length > 0) this.#showGroup(`${task}: last output`, lines.slice(-50), true);
    }
    this.#failures.endRun(event.tasks);
    const isWorthATable = event.tasks.length > 1 ||
      event.tasks.some((each) => each.figures !== undefined);
    if (this.#query || !isWorthATable || this.#options.quiet) return;
    const { paint, columns } = this.#options;
    for (const line of summaryTable(event.tasks, paint, columns())) this.#say(line);
    this.#say(paint.faint(summaryTotal(event.tasks, event.durationMs, event.dryRun)));
  }

  #showGroup(title: string, lines: readonly string[], always = false): void {
    if (lines.length === 0) return;
    const { github, paint } = this.#options;
    if (github) this.#write(`::group::${escapeMessage(title)}`, always);
    else this.#say(paint.strong(`--- ${visible(title)}`), always);
    for (const line of lines) this.#say(printable(line), always);
    if (github) this.#write("::endgroup::", always);
  }

  #head(task: string | undefined): string {
    return task === undefined ? "" : `${this.#options.paint.faint(`[${visible(task)}]`)} `;
  }

  #say(line: string, always = false): void {
    this.#write(this.#options.github ? withoutCommands(line) : line, always);
  }

  #write(line: string, always: boolean): void {
    if (this.#options.quiet && !always) return;
    this.#options.progress.above(() => this.#options.output.line(line));
  }
}
