/**
 * What a task gets in place of what it may not use: every use ends in an error that says why.
 *
 * @module
 */
import { KedgeError, UsageError } from "../base/errors.ts";
import type { ArgsShape } from "./arg.ts";
import type { GraphNode } from "./graph.ts";
import type { Shell } from "./shell_type.ts";
import type { DepsShape, TaskRunContext } from "./task_type.ts";

/** Puts a dependency without a result among the results. */
export function refuseToGive(deps: Record<string, unknown>, name: string): void {
  Object.defineProperty(deps, name, {
    enumerable: false,
    get: () => {
      throw new UsageError(`Cannot take the result of "${name}": --only left it out`, {
        hint: "run without --only",
      });
    },
  });
}

/** What a task gets whose functions take nothing. */
export function noContext(node: GraphNode): TaskRunContext<ArgsShape, DepsShape> {
  return refusing(`Cannot use the context in "${node.task.name}": its functions take none`);
}

/** What a task gets whose file is run without a shell. */
export function noShell(node: GraphNode): Shell {
  return refusing(`Cannot use \`$\` in "${node.task.name}": its file is run without a shell`);
}

/** Something of which nothing can be used. */
function refusing<T>(message: string): T {
  const refuse = (): never => {
    throw new KedgeError(message);
  };
  return new Proxy(refuse, { get: refuse, apply: refuse }) as T;
}
