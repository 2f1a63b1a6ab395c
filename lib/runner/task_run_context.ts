import type { ArgsInput, ArgsOf, ArgsShape, NeedsArgs } from "./arg.ts";
import type { TaskContext } from "./context.ts";
import type { DepsOf, DepsShape, Task } from "./task.ts";

/** What a task's run function gets: the context, its arguments, the results of its dependencies. */
export interface TaskRunContext<A extends ArgsShape, D extends DepsShape> extends TaskContext {
  /** The arguments. */
  readonly args: ArgsOf<A>;
  /** The results of the dependencies. */
  readonly deps: DepsOf<D>;
  /** Which try this is, from 1 on. */
  readonly attempt: number;
  /** Runs another task, or takes its result if it ran with the same arguments in this run already. */
  readonly run: RunTask;
  /** Tells the reader something. */
  readonly log: (message: string) => void;
}

/** Runs a task with typed arguments. */
export type RunTask = <A extends ArgsShape, R>(
  task: Task<A, R>,
  ...args: NeedsArgs<A> extends true ? [args: ArgsInput<A>] : [args?: ArgsInput<A>]
) => Promise<R>;
