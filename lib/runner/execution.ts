/**
 * Runs the nodes of a graph.
 *
 * Invariants: a node runs at most once; it starts after all it waits for ended well; at most `jobs` run at the same time, and
 * one that waits for another does not count; after a failure nothing new starts, unless `keepGoing` is set.
 *
 * @module
 */
import { KedgeError, toError, UsageError } from "../base/errors.ts";
import { errorData } from "../operation/error_data.ts";
import type { Figures } from "../operation/figures.ts";
import type { ArgsShape } from "./arg.ts";
import type { TaskContext } from "./context.ts";
import type { RunEvent, TaskStatus, TaskSummary } from "./events.ts";
import type { Graph, GraphNode } from "./graph.ts";
import { argsFromValues } from "./resolve_args.ts";
import { Semaphore } from "./semaphore.ts";
import type { AnyTask, DepsShape } from "./task.ts";
import type { RunTask, TaskRunContext } from "./task_run_context.ts";

/** How an execution goes about it. */
export interface ExecutionOptions {
  /** The graph; tasks that are run from inside others are added to it. */
  graph: Graph;
  /** Tasks at once. */
  jobs: number;
  /** Whether what can still run runs after a failure. */
  keepGoing: boolean;
  /** The folder from which relative paths are read. */
  cwd: string;
  /** Takes the events. */
  report: (event: RunEvent) => void;
  /** Makes the context of one task. */
  contextOf: (node: GraphNode, signal: AbortSignal) => TaskContext;
  /** Ends everything. */
  signal: AbortSignal;
}

/** A task that did not run since one that it waits for failed. */
class NotRunError extends KedgeError {
  override readonly name = "NotRunError";
}

/** One execution of a graph. */
export class Execution {
  /** What became of each task, in the order of their ends. */
  readonly summaries: TaskSummary[] = [];
  /** What failed. */
  readonly errors: Error[] = [];
  #options: ExecutionOptions;
  #runs = new Map<string, Promise<unknown>>();
  #waits = new Map<GraphNode, Set<GraphNode>>();
  #permits: Semaphore;
  #stop = new AbortController();
  #signal: AbortSignal;

  /** Starts nothing yet. */
  constructor(options: ExecutionOptions) {
    this.#options = options;
    this.#permits = new Semaphore(options.jobs);
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
  }

  /** Runs a node and all that it waits for; rejects with what made it fail, after everything has settled. */
  async run(node: GraphNode): Promise<unknown> {
    const [outcome] = await Promise.allSettled([this.#once(node)]);
    await Promise.allSettled(this.#runs.values());
    if (outcome.status === "fulfilled") return outcome.value;
    throw this.errors.length === 0
      ? outcome.reason
      : this.errors.length === 1
      ? this.errors[0]
      : new AggregateError(this.errors, `${this.errors.length} tasks failed`);
  }

  #once(node: GraphNode): Promise<unknown> {
    let run = this.#runs.get(node.key);
    if (run === undefined) {
      run = this.#runNode(node);
      run.catch(() => {});
      this.#runs.set(node.key, run);
    }
    return run;
  }

  async #runNode(node: GraphNode): Promise<unknown> {
    const names = [...node.deps.keys()];
    const outcomes = await Promise.allSettled(
      [...node.deps.values()].map((dep) => this.#once(dep)),
    );
    const failed = outcomes.findIndex((outcome) => outcome.status === "rejected");
    if (failed >= 0) {
      const why = `"${node.deps.get(names[failed]!)!.label}" did not end well`;
      this.#end(node, "not-run", 0, { why });
      throw new NotRunError(`Cannot run "${node.label}": ${why}`);
    }
    const deps = Object.fromEntries(
      names.map((
        name,
        index,
      ) => [name, (outcomes[index] as PromiseFulfilledResult<unknown>).value]),
    );
    let permit = await this.#permits.acquire();
    if (this.#signal.aborted) {
      permit[Symbol.dispose]();
      this.#end(node, "not-run", 0, { why: "the run was stopped before" });
      throw this.#signal.reason;
    }
    const started = performance.now();
    try {
      this.#options.report({ type: "task-start", task: node.label, attempt: 1 });
      const context: TaskRunContext<ArgsShape, DepsShape> = {
        ...this.#options.contextOf(node, this.#signal),
        args: node.args,
        deps,
        attempt: 1,
        log: (message) =>
          this.#options.report({ type: "log", task: node.label, level: "info", message }),
        run: (async (task: AnyTask, given: Record<string, unknown> = {}) => {
          const args = argsFromValues(task.args, given, this.#options.cwd);
          const other = this.#options.graph.add(task, args);
          permit[Symbol.dispose]();
          try {
            return await this.#waitFor(node, other);
          } finally {
            permit = await this.#permits.acquire();
          }
        }) as unknown as RunTask,
      };
      const value = await node.task.declared.run(context);
      this.#end(node, "done", performance.now() - started, withFigures(value));
      return value;
    } catch (thrown) {
      const error = toError(thrown);
      const stopped = this.#signal.aborted;
      this.#end(node, stopped ? "stopped" : "failed", performance.now() - started, {
        why: error.message,
        error: errorData(error),
      });
      if (!stopped || this.errors.length === 0) this.errors.push(error);
      if (!this.#options.keepGoing) this.#stop.abort(new KedgeError(`"${node.label}" failed`));
      throw error;
    } finally {
      permit[Symbol.dispose]();
    }
  }

  async #waitFor(node: GraphNode, other: GraphNode): Promise<unknown> {
    if (this.#reaches(other, node)) {
      throw new UsageError(
        `Cannot run "${other.label}" from "${node.label}": each waits for the other`,
      );
    }
    const waits = this.#waits.get(node) ?? new Set();
    this.#waits.set(node, waits.add(other));
    try {
      return await this.#once(other);
    } finally {
      waits.delete(other);
    }
  }

  #reaches(from: GraphNode, to: GraphNode, seen = new Set<GraphNode>()): boolean {
    if (from === to) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    return [...from.deps.values(), ...(this.#waits.get(from) ?? [])]
      .some((next) => this.#reaches(next, to, seen));
  }

  #end(
    node: GraphNode,
    status: TaskStatus,
    durationMs: number,
    more: Omit<
      Extract<RunEvent, { type: "task-end" }>,
      "type" | keyof Pick<TaskSummary, "task" | "status" | "durationMs">
    >,
  ): void {
    const { error, ...rest } = more;
    const summary: TaskSummary = { task: node.label, status, durationMs, ...rest };
    this.summaries.push(summary);
    this.#options.report({
      type: "task-end",
      ...summary,
      ...(error === undefined ? {} : { error }),
    });
  }
}

function withFigures(value: unknown): { figures?: Figures; why?: string } {
  const { changed, bytesMoved, bytesReused, requests, why, dryRun } = (value ?? {}) as Partial<
    Figures
  >;
  if (
    typeof bytesMoved !== "number" || typeof bytesReused !== "number" || typeof why !== "string"
  ) {
    return {};
  }
  return {
    why,
    figures: {
      changed: changed === true,
      bytesMoved,
      bytesReused,
      requests: requests ?? 0,
      why,
      dryRun: dryRun === true,
    },
  };
}
