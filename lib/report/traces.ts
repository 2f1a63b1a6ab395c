/**
 * Spans of OpenTelemetry, for who runs with OTEL_DENO: one for the run, below it one for each task, each try, each operation and each of
 * its steps. Deno itself sends them, and those of its requests, to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names.
 *
 * Invariants: nothing here is loaded without OTEL_DENO; spans are made of events, which hold no secrets any more; the spans that Deno
 * makes by itself, of whose requests the URLs may hold some, are redacted where their attributes are set.
 *
 * @module
 */
import { type Context, context, ROOT_CONTEXT, type Span, trace } from "@opentelemetry/api";
import type { Redactor } from "../base/redactor.ts";
import { displayUrls } from "../http/display_url.ts";
import type { ErrorData } from "../operation/event.ts";
import type { Figures } from "../operation/figures.ts";
import type { Reporter, RunEvent } from "../runner/events.ts";

/** The number of the status that says that something failed. */
const failed = 2;

interface Open {
  readonly span: Span;
  readonly context: Context;
}

/** Makes spans of a run. */
export class Traces {
  #tracer = trace.getTracer("kedge");
  #root: Open;
  #tasks = new Map<string, { task: Open; attempt: Open }>();
  #operations = new Map<string, { operation: Open; phase: Open | undefined }>();

  /** Begins the span of the run. */
  constructor() {
    this.#root = this.#open("kedge", ROOT_CONTEXT);
  }

  /** Runs something within the span of the run, so that the spans of its requests belong to it. */
  async within<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await context.with(this.#root.context, run);
    } finally {
      this.#root.span.end();
    }
  }

  /** The same reporter, whose events make spans too. */
  around(reporter: Reporter, redactor: Redactor): Reporter {
    redactSpans(this.#root.span, redactor);
    return {
      report: (event) => {
        this.#take(event);
        reporter.report(event);
      },
      result: (result) => reporter.result(result),
      pause: () => reporter.pause(),
      close: () => reporter.close(),
    };
  }

  #take(event: RunEvent): void {
    switch (event.type) {
      case "run-start":
        this.#root.span.updateName(`run ${event.task}`);
        this.#root.span.setAttributes({
          "kedge.task": event.task,
          "kedge.tasks": event.tasks,
          "kedge.dry_run": event.dryRun,
          ...(event.run === undefined ? {} : { "kedge.run": event.run }),
        });
        break;
      case "task-start": {
        const task = this.#tasks.get(event.task)?.task ??
          this.#open(`task ${event.task}`, this.#root.context);
        const attempt = this.#open(`attempt ${event.attempt}`, task.context);
        this.#tasks.set(event.task, { task, attempt });
        break;
      }
      case "task-retry":
        close(this.#tasks.get(event.task)?.attempt, event.error);
        break;
      case "task-end": {
        const open = this.#tasks.get(event.task);
        this.#tasks.delete(event.task);
        close(open?.attempt, event.error);
        open?.task.span.setAttributes({
          "kedge.status": event.status,
          ...(event.why === undefined ? {} : { "kedge.why": event.why }),
          ...figuresOf(event.figures),
        });
        close(open?.task, event.error);
        break;
      }
      case "run-end":
        this.#root.span.setAttribute("kedge.exit_code", event.exitCode);
        if (!event.ok) this.#root.span.setStatus({ code: failed });
        break;
      case "operation-start": {
        const above = this.#tasks.get(event.task ?? "")?.attempt ?? this.#root;
        const operation = this.#open(`operation ${event.kind}`, above.context);
        operation.span.setAttributes({
          "kedge.kind": event.kind,
          "kedge.subject": event.subject,
          "kedge.dry_run": event.dryRun,
        });
        this.#operations.set(event.operation, { operation, phase: undefined });
        break;
      }
      case "phase-start": {
        const open = this.#operations.get(event.operation);
        if (open === undefined) break;
        close(open.phase);
        open.phase = this.#open(event.phase, open.operation.context);
        break;
      }
      case "operation-end": {
        const open = this.#operations.get(event.operation);
        this.#operations.delete(event.operation);
        const error = event.ok ? undefined : event.error;
        close(open?.phase, error);
        if (event.ok) open?.operation.span.setAttributes(figuresOf(event.figures));
        close(open?.operation, error);
        break;
      }
    }
  }

  #open(name: string, above: Context): Open {
    const span = this.#tracer.startSpan(name, {}, above);
    return { span, context: trace.setSpan(above, span) };
  }
}

function close(open: Open | undefined, error?: ErrorData): void {
  if (open === undefined) return;
  if (error !== undefined) open.span.setStatus({ code: failed, message: error.message });
  open.span.end();
}

function figuresOf(figures: Figures | undefined): Record<string, string | number | boolean> {
  if (figures === undefined) return {};
  return {
    "kedge.changed": figures.changed,
    "kedge.bytes_moved": figures.bytesMoved,
    "kedge.bytes_reused": figures.bytesReused,
    "kedge.requests": figures.requests,
    "kedge.why": figures.why,
  };
}

/** Deno has no processor of spans in which to redact those that it makes: all of them share one prototype. */
function redactSpans(span: Span, redactor: Redactor): void {
  const prototype = Object.getPrototypeOf(span) as Span;
  const set = prototype.setAttribute;
  prototype.setAttribute = function (key, value) {
    const told = typeof value !== "string"
      ? value
      : key === "url.query"
      ? redactor.redact(withoutValues(value))
      : redactor.redact(displayUrls(value));
    return set.call(this, key, told);
  };
}

/** A query with its names alone. */
function withoutValues(query: string): string {
  return query.replace(/=[^&]*/g, "=");
}
