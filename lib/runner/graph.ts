/**
 * Which tasks run, with which arguments, after which others; known before the first one starts.
 *
 * Invariants: a node is a task with its canonical arguments and stands once, however often it is asked for; a ring is found here.
 *
 * @module
 */
import { UsageError } from "../base/errors.ts";
import { canonical } from "./canonical.ts";
import { argsFromValues, type ArgValues } from "./resolve_args.ts";
import type { AnyTask, DepsShape } from "./task.ts";

/** A task with its arguments. */
export interface GraphNode {
  /** Tells it from all others of the run. */
  readonly key: string;
  /** What it is called in messages: the name, and the arguments that tell it from its like. */
  label: string;
  /** The task. */
  readonly task: AnyTask;
  /** Its arguments. */
  readonly args: ArgValues;
  /** What it waits for, by the names under which it gets the results. */
  readonly deps: ReadonlyMap<string, GraphNode>;
}

/** The nodes of a run, each after those it waits for. */
export class Graph {
  #nodes = new Map<string, GraphNode>();
  #ids = new Map<AnyTask, number>();
  #cwd: string;
  #only: boolean;

  /** Relative paths in arguments are read from `cwd`; with `only` the dependencies of what is added are left out. */
  constructor(cwd: string, only = false) {
    this.#cwd = cwd;
    this.#only = only;
  }

  /** The nodes, each after those it waits for. */
  get nodes(): readonly GraphNode[] {
    return [...this.#nodes.values()];
  }

  /**
   * Adds a task with checked arguments, and all that it waits for.
   *
   * @throws {UsageError} if the dependencies form a ring
   */
  add(task: AnyTask, args: ArgValues): GraphNode {
    return this.#visit(task, args, []);
  }

  #visit(
    task: AnyTask,
    args: ArgValues,
    path: readonly { key: string; name: string }[],
  ): GraphNode {
    const key = this.#key(task, args);
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    const start = path.findIndex((each) => each.key === key);
    if (start >= 0 || path.length > 1000) {
      const ring = [...path.slice(Math.max(0, start)).map((each) => each.name), task.name];
      throw new UsageError(`Cannot run "${task.name}": it waits for itself`, {
        hint: (ring.length > 12 ? [...ring.slice(0, 6), "...", ...ring.slice(-5)] : ring).join(
          " -> ",
        ),
      });
    }
    const here = [...path, { key, name: task.name }];
    const deps = new Map<string, GraphNode>();
    if (!this.#only) {
      for (const [name, dependency] of Object.entries(this.#depsOf(task, args))) {
        const invocation = "given" in dependency ? dependency : { task: dependency, given: {} };
        const values = argsFromValues(invocation.task.args, invocation.given, this.#cwd);
        deps.set(name, this.#visit(invocation.task, values, here));
      }
    }
    const node: GraphNode = { key, label: labelOf(task, args), task, args, deps };
    this.#nodes.set(key, node);
    return node;
  }

  #depsOf(task: AnyTask, args: ArgValues): DepsShape {
    const { deps } = task.declared;
    return typeof deps === "function" ? deps(args) : deps;
  }

  #key(task: AnyTask, args: ArgValues): string {
    let id = this.#ids.get(task);
    if (id === undefined) this.#ids.set(task, id = this.#ids.size);
    return `${id}:${canonical(args)}`;
  }
}

function labelOf(task: AnyTask, args: ArgValues): string {
  const told = Object.entries(args).filter(([key, value]) =>
    value !== undefined && canonical(value) !== canonical(task.args[key]?.default)
  );
  if (told.length === 0) return task.name;
  const texts = told.map(([key, value]) =>
    `${key}=${Array.isArray(value) ? value.join(",") : value}`
  );
  return `${task.name} ${texts.join(" ")}`;
}
