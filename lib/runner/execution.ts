/**
 * Runs the nodes of a graph.
 *
 * Invariants: a node runs at most once; it starts after all it waits for ended well; at most `jobs` run at the same time, and
 * one that waits for another does not count; after a failure everything is stopped, unless `keepGoing` is set; the failure of
 * a task that was run from inside another is that one's to handle; nothing is left running when {@linkcode Execution.run} comes
 * back.
 *
 * @module
 */
import { KedgeError, toError } from "../base/errors.ts";
import { listed } from "../base/listed.ts";
import { errorData } from "../operation/error_data.ts";
import type { ArgsShape } from "./arg.ts";
import type { RunnerEvent, TaskSummary } from "./events.ts";
import type { ExecutionOptions } from "./execution_options.ts";
import { failedWords } from "./failed_words.ts";
import { figuresOf } from "./figures_of.ts";
import type { GraphNode } from "./graph.ts";
import { loadShell, shellModule } from "./load_shell.ts";
import { argsFromValues, type ArgValues } from "./resolve_args.ts";
import { NodeWaits } from "./node_waits.ts";
import { noContext, noShell, refuseToGive } from "./refused_context.ts";
import { Permit, Semaphore } from "./semaphore.ts";
import { type AttemptContext, runAttempts } from "./task_attempts.ts";
import type { AnyTask, DepsShape, RunTask, TaskRunContext } from "./task_type.ts";

/** A task did not run since one that it waits for did not end well. */
class NotRunError extends KedgeError {
  override readonly name = "NotRunError";
}

/** One execution of a graph. */
export class Execution {
  /** What became of each task, in the order of their ends. */
  readonly summaries: TaskSummary[] = [];
  #errors: Error[] = [];
  #failed: string[] = [];
  #planned = new Set<GraphNode>();
  #root: GraphNode | undefined;
  #options: ExecutionOptions;
  #runs = new Map<GraphNode, Promise<unknown>>();
  #waits = new NodeWaits();
  #permits: Semaphore;
  #stop = new AbortController();

  /** Starts nothing yet. */
  constructor(options: ExecutionOptions) {
    this.#options = options;
    this.#permits = new Semaphore(options.jobs);
  }

  /**
   * Runs a node and all that it waits for.
   *
   * @throws {Error} what failed, an `AggregateError` if it was more than one; or the reason of the abort
   */
  async run(node: GraphNode): Promise<unknown> {
    const { signal, graph } = this.#options;
    this.#planned = new Set(graph.nodes);
    this.#root = node;
    const follow = () => this.#stop.abort(signal.reason);
    if (signal.aborted) follow();
    else signal.addEventListener("abort", follow, { once: true });
    try {
      const [outcome] = await Promise.allSettled([this.#once(node)]);
      await Promise.allSettled(this.#runs.values());
      if (signal.aborted) throw signal.reason;
      if (outcome.status === "fulfilled") return outcome.value;
      if (this.#errors.length > 1) {
        throw new AggregateError(this.#errors, failedWords(this.#failed));
      }
      throw this.#errors[0] ?? outcome.reason;
    } finally {
      signal.removeEventListener("abort", follow);
    }
  }

  #once(node: GraphNode): Promise<unknown> {
    let run = this.#runs.get(node);
    if (run === undefined) {
      run = this.#runNode(node);
      run.catch(() => {});
      this.#runs.set(node, run);
    }
    return run;
  }

  async #runNode(node: GraphNode): Promise<unknown> {
    const deps = await this.#depsOf(node);
    const permit = new Permit(this.#permits);
    await permit.take();
    try {
      if (this.#stop.signal.aborted) {
        this.#end({
          task: node.label,
          status: "not-run",
          durationMs: 0,
          why: "the run was stopped",
        });
        throw this.#stop.signal.reason;
      }
      return await this.#work(node, deps, permit);
    } finally {
      permit.give();
    }
  }

  async #depsOf(node: GraphNode): Promise<Record<string, unknown>> {
    const deps: Record<string, unknown> = {};
    for (const name of node.leftOut) refuseToGive(deps, name);
    if (node.deps.size === 0) return deps;
    const runs = Array.from(node.deps.values(), (dep) => this.#once(dep));
    let values: unknown[];
    try {
      values = await Promise.all(runs);
    } catch {
      return await this.#refuse(node, runs);
    }
    if (!node.task.declared.usesContext) return deps;
    let index = 0;
    for (const name of node.deps.keys()) deps[name] = values[index++];
    return deps;
  }

  /** Tells that a node does not run, once all that it waits for has ended. */
  async #refuse(node: GraphNode, runs: readonly Promise<unknown>[]): Promise<never> {
    const outcomes = await Promise.allSettled(runs);
    const cause = outcomes.find((each) => each.status === "rejected")?.reason;
    const bad = [...node.deps.values()].filter((_, index) =>
      outcomes[index]!.status === "rejected"
    );
    const why = `${listed(bad.map(({ label }) => `"${label}"`))} did not end well`;
    this.#end({ task: node.label, status: "not-run", durationMs: 0, why });
    throw new NotRunError(`Cannot run "${node.label}": ${why}`, { cause });
  }

  async #work(
    node: GraphNode,
    deps: Record<string, unknown>,
    permit: Permit,
  ): Promise<unknown> {
    const { options, label: task } = { options: this.#options, label: node.label };
    const started = performance.now();
    const durationMs = () => performance.now() - started;
    try {
      if (options.shell && node.task.declared.usesContext) await loadShell();
      const { value, fresh } = await runAttempts(node, {
        ambient: options.ambient,
        signal: this.#stop.signal,
        amongOthers: options.graph.nodes.length > 1,
        graceMs: options.graceMs,
        takeFresh: options.takeFresh(node.task),
        report: options.report,
        random: options.random,
        contextOf: (attempt, signal) => this.#contextOf(node, deps, permit, attempt, signal),
      });
      this.#end(
        fresh === undefined
          ? { task, status: "done", durationMs: durationMs(), ...figuresOf(value) }
          : { task, status: "fresh", durationMs: durationMs(), why: fresh },
      );
      return value;
    } catch (thrown) {
      const error = toError(thrown);
      const stopped = this.#stop.signal.aborted;
      const data = errorData(error);
      this.#end({
        task,
        status: stopped ? "stopped" : "failed",
        durationMs: durationMs(),
        why: data.message,
        error: data,
        ...(this.#endsRun(node) ? { endsRun: true } : {}),
      });
      if (!stopped && this.#planned.has(node)) {
        this.#errors.push(error);
        this.#failed.push(task);
        if (!options.keepGoing) {
          this.#stop.abort(new KedgeError(`Stopped since "${task}" failed`));
        }
      }
      throw error;
    }
  }

  /** Whether what a node threw just now, or what stopped it, is what the run throws. */
  #endsRun(node: GraphNode): boolean {
    const { signal, keepGoing } = this.#options;
    if (this.#stop.signal.aborted) return signal.aborted;
    return this.#planned.has(node) && (!keepGoing || node === this.#root);
  }

  #contextOf(
    node: GraphNode,
    deps: Record<string, unknown>,
    permit: Permit,
    attempt: number,
    signal: AbortSignal,
  ): AttemptContext {
    const { options, label: task } = { options: this.#options, label: node.label };
    const given = node.task.declared.usesContext ? options.contextOf?.(node, signal) : undefined;
    if (given === undefined) return { context: noContext(node), stop: () => Promise.resolve() };
    const bound = options.shell
      ? shellModule().bindShell({
        signal,
        redactor: given.redactor,
        dryRun: given.dryRun,
        report: (event) => options.report({ ...event, task }),
      })
      : undefined;
    const context: TaskRunContext<ArgsShape, DepsShape> = {
      ...given,
      $: bound?.$ ?? noShell(node),
      args: node.args,
      deps,
      attempt,
      log: (message) => options.report({ type: "log", task, level: "info", message }),
      run:
        ((other: AnyTask, values: ArgValues = {}) =>
          this.#runFromInside(node, other, values, permit)) as unknown as RunTask,
    };
    return { context, stop: (graceMs) => bound?.stop(graceMs) ?? Promise.resolve() };
  }

  /** The permit is lent to others while this task waits. */
  async #runFromInside(
    node: GraphNode,
    task: AnyTask,
    values: ArgValues,
    permit: Permit,
  ): Promise<unknown> {
    const { graph, cwd } = this.#options;
    const other = graph.add(task, argsFromValues(task.args, values, cwd));
    using _wait = this.#waits.begin(node, other);
    await this.#options.admit(other);
    permit.give();
    try {
      return await this.#once(other);
    } finally {
      await permit.take();
    }
  }

  #end(end: Omit<Extract<RunnerEvent, { type: "task-end" }>, "type">): void {
    const { error: _error, endsRun: _endsRun, ...summary } = end;
    this.summaries.push(summary);
    this.#options.report({ type: "task-end", ...end });
  }
}
