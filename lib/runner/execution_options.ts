import type { Ambient } from "./ambient.ts";
import type { TaskContext } from "./context.ts";
import type { RunnerEvent } from "./events.ts";
import type { Graph, GraphNode } from "./graph.ts";
import type { AnyTask } from "./task.ts";

/** How an execution goes about it. */
export interface ExecutionOptions {
  /** The graph; tasks that are run from inside others are added to it. */
  readonly graph: Graph;
  /** What it gives to what its tasks call without their context. */
  readonly ambient: Ambient;
  /** Tasks at once. */
  readonly jobs: number;
  /** Whether what can still run runs after a failure. */
  readonly keepGoing: boolean;
  /** The folder from which relative paths are read. */
  readonly cwd: string;
  /** How long things may take to end after an abort, in milliseconds. */
  readonly graceMs: number;
  /** Whether tasks get `$`. */
  readonly shell: boolean;
  /** Takes the events. */
  readonly report: (event: RunnerEvent) => void;
  /** Makes the context of one task, all but its `$`; needed only where a task takes its context. */
  readonly contextOf:
    | ((node: GraphNode, signal: AbortSignal) => Omit<TaskContext, "$">)
    | undefined;
  /** Whether evidence that a task has nothing to do is taken. */
  readonly takeFresh: (task: AnyTask) => boolean;
  /** Called with what a task asks for from inside, before it is run. */
  readonly admit: (node: GraphNode) => Promise<void>;
  /** A number from 0 to 1, for the waits. */
  readonly random: () => number;
  /** Ends everything. */
  readonly signal: AbortSignal;
}
