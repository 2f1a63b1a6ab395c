/**
 * `task()`: declares a task. A task is a value; its dependencies are values.
 *
 * @module
 */
import type { ArgsShape, NeedsArgs } from "./arg.ts";
import { checkTask } from "./check_task.ts";
import { declaring } from "./declaring.ts";
import type { DepsShape, Task, TaskOptions } from "./task_type.ts";

export type {
  AnyTask,
  DeclaredTask,
  Dependency,
  DepsOf,
  DepsShape,
  Fresh,
  Invocation,
  ResultOf,
  RunTask,
  Task,
  TaskOptions,
  TaskRunContext,
} from "./task_type.ts";

/**
 * Declares a task.
 *
 * @throws {UsageError} if the declaration cannot be: a bad name, a flag that exists already, a time that is none
 *
 * @example
 * ```ts
 * import { arg, task } from "@kedge/kedge";
 *
 * const build = task({
 *   name: "build",
 *   description: "Build for one machine",
 *   args: { arch: arg.enum(["x86_64", "aarch64"], { description: "For what", default: "x86_64" }) },
 *   run: ({ args }) => ({ path: `out/${args.arch}` }),
 * });
 *
 * const ship = task({
 *   name: "ship",
 *   description: "Build for both and ship them",
 *   deps: { here: build, there: build.with({ arch: "aarch64" }) },
 *   run: ({ deps }) => [deps.here.path, deps.there.path],
 * });
 * ```
 */
export function task<
  const A extends ArgsShape = Record<never, never>,
  const D extends DepsShape = Record<never, never>,
  R = void,
>(options: TaskOptions<A, D, R>): Task<A, R> {
  return declaring(() => taskOf(options));
}

function taskOf<const A extends ArgsShape, const D extends DepsShape, R>(
  options: TaskOptions<A, D, R>,
): Task<A, R> {
  const declared = checkTask(options as unknown as TaskOptions<ArgsShape, DepsShape, R>);
  const args = options.args ?? {} as A;
  const made: Task<A, R> = {
    name: options.name,
    description: options.description,
    ...(options.group === undefined ? {} : { group: options.group }),
    args,
    needsArgs: Object.values(args).some((each) => each.presence === "required") as NeedsArgs<A>,
    declared,
    with: (given) => ({ task: made, given: given as Readonly<Record<string, unknown>> }),
  };
  return made;
}
