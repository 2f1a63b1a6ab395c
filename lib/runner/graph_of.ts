import { Graph } from "./graph.ts";
import { type GraphForm, graphText } from "./graph_text.ts";
import type { ArgValues } from "./resolve_args.ts";
import type { AnyTask } from "./task.ts";
import type { TaskMap } from "./task_file.ts";

/** What waits for what: below one task with its arguments, or in the whole file. */
export function graphOf(
  tasks: TaskMap,
  cwd: string,
  form: GraphForm,
  root?: { task: AnyTask; args: ArgValues; only: boolean },
): string {
  const graph = new Graph(cwd);
  if (root !== undefined) {
    const node = graph.add(root.task, root.args, root.only);
    return graphText(graph.nodes, [node], form);
  }
  const roots = [...tasks.values()].filter((task) => task.name !== "permissions")
    .map((task) => graph.addDeclared(task));
  const inner = new Set(graph.nodes.flatMap((node) => [...node.deps.values()]));
  return graphText(graph.nodes, roots.filter((each) => !inner.has(each)), form);
}
