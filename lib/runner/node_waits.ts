import { UsageError } from "../base/errors.ts";
import type { GraphNode } from "./graph.ts";

/** Which nodes wait for others that they started while they ran, beside those that they depend on. */
export class NodeWaits {
  #waits = new Map<GraphNode, Set<GraphNode>>();

  /**
   * A node waits for another until what comes back is disposed of.
   *
   * @throws {UsageError} if the other one waits for it already, by itself or by others: they would wait for ever
   */
  begin(node: GraphNode, other: GraphNode): Disposable {
    if (this.#reaches(other, node, new Set())) {
      throw new UsageError(
        `Cannot run "${other.label}" from "${node.label}": each waits for the other`,
      );
    }
    const waits = this.#waits.get(node) ?? new Set();
    this.#waits.set(node, waits.add(other));
    return { [Symbol.dispose]: () => void waits.delete(other) };
  }

  #reaches(from: GraphNode, to: GraphNode, seen: Set<GraphNode>): boolean {
    if (from === to) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    return [...from.deps.values(), ...(this.#waits.get(from) ?? [])]
      .some((next) => this.#reaches(next, to, seen));
  }
}
