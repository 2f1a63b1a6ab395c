/**
 * What `--graph` says.
 *
 * @module
 */
import type { GraphNode } from "./graph.ts";

/** How a graph can be written. */
export type GraphForm = "tree" | "mermaid" | "dot" | "json";

/** Writes down what waits for what; each node stands after those it waits for. */
export function graphText(
  nodes: readonly GraphNode[],
  roots: readonly GraphNode[],
  form: GraphForm,
): string {
  const ids = new Map(nodes.map((node, index) => [node, index]));
  const edges = nodes.flatMap((node) =>
    [...node.deps.values()].map((dep) => [ids.get(node)!, ids.get(dep)!] as const)
  );
  if (form === "tree") return treeOf(roots);
  if (form === "mermaid") {
    return [
      "graph TD",
      ...nodes.map((node, id) => `  n${id}["${mermaidText(node.label)}"]`),
      ...edges.map(([from, to]) => `  n${from} --> n${to}`),
    ].join("\n");
  }
  if (form === "dot") {
    return [
      "digraph tasks {",
      ...nodes.map((node, id) => `  n${id} [label=${JSON.stringify(node.label)}];`),
      ...edges.map(([from, to]) => `  n${from} -> n${to};`),
      "}",
    ].join("\n");
  }
  return JSON.stringify({
    nodes: nodes.map((node, id) => ({ id, label: node.label, task: node.task.name })),
    edges: edges.map(([from, to]) => ({ from, to })),
  });
}

function mermaidText(text: string): string {
  return text.replace(/["#<>&]/g, (letter) => `#${letter.charCodeAt(0)};`);
}

/** A node that stands above already is only named again. */
function treeOf(roots: readonly GraphNode[]): string {
  const lines: string[] = [];
  const shown = new Set<GraphNode>();
  const visit = (node: GraphNode, lead: string, branch: string, below: string): void => {
    const again = shown.has(node) && node.deps.size > 0;
    lines.push(`${lead}${branch}${node.label}${again ? " (above)" : ""}`);
    if (again) return;
    shown.add(node);
    const deps = [...node.deps.values()];
    deps.forEach((dep, index) => {
      const last = index === deps.length - 1;
      visit(dep, lead + below, last ? "└─ " : "├─ ", last ? "   " : "│  ");
    });
  };
  for (const root of roots) visit(root, "", "", "");
  return lines.join("\n");
}
