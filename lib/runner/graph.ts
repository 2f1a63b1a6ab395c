/**
 * Which tasks run, with which arguments, after which others; known before the first one starts.
 *
 * Invariants: a node is a task with its canonical arguments and stands once, however often it is asked for; a ring is found here.
 *
 * @module
 */
import { UsageError } from "../base/errors.ts";
import { displayUrls } from "../http/display_url.ts";
import { argsFromValues, type ArgValues } from "./resolve_args.ts";
import type { AnyTask, Dependency, DepsShape } from "./task.ts";

const deepest = 2000;

/** A task with its arguments. */
export interface GraphNode {
  /** Tells it from all others of the run. */
  readonly key: string;
  /** What it is called in messages: the name, and the arguments that tell it from its like. */
  readonly label: string;
  /** The task. */
  readonly task: AnyTask;
  /** Its arguments. */
  readonly args: ArgValues;
  /** What it waits for, by the names under which it gets the results. */
  readonly deps: ReadonlyMap<string, GraphNode>;
  /** The dependencies that are left out on demand. */
  readonly leftOut: readonly string[];
}

/** The nodes of a run, each after those it waits for. */
export class Graph {
  #nodes = new Map<string, GraphNode>();
  #ids = new Map<AnyTask, number>();
  #labels = new Set<string>();
  #asked: AnyTask | undefined;
  #path = new Map<string, string>();
  #cwd: string;

  /** Relative paths in arguments are read from `cwd`. */
  constructor(cwd: string) {
    this.#cwd = cwd;
  }

  /** The nodes, each after those it waits for. */
  get nodes(): readonly GraphNode[] {
    return [...this.#nodes.values()];
  }

  /**
   * Adds a task with checked arguments, and all that it waits for; with `only`, the task alone.
   *
   * @throws {UsageError} if the dependencies form a ring or do not end
   */
  add(task: AnyTask, args: ArgValues, only = false): GraphNode {
    this.#path.clear();
    this.#asked ??= task;
    return this.#visit(task, args, only);
  }

  /** Adds a task as it is declared: what it must be given is left out, and with it what it would wait for. */
  addDeclared(task: AnyTask): GraphNode {
    const args: Record<string, unknown> = {};
    for (const [key, declared] of Object.entries(task.args)) {
      if (declared.default !== undefined) args[key] = declared.default;
    }
    const unknown = task.needsArgs && typeof task.declared.deps === "function";
    return this.add(task, args, unknown);
  }

  #visit(task: AnyTask, args: ArgValues, only: boolean): GraphNode {
    const key = this.#key(task, args);
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    if (this.#path.has(key)) throw this.#ring(key, task);
    if (this.#path.size >= deepest) {
      throw new UsageError(`Cannot run "${task.name}": its dependencies do not end`, {
        hint: `more than ${deepest} of them wait for one another`,
      });
    }
    this.#path.set(key, task.name);
    const deps = new Map<string, GraphNode>();
    const wanted = Object.entries(this.#depsOf(task, args));
    for (const [name, dependency] of only ? [] : wanted) {
      if (!isDependency(dependency)) {
        throw new UsageError(`Cannot run "${task.name}": its dependency "${name}" is not a task`, {
          hint: "a dependency is what task() made, or that .with() arguments",
        });
      }
      const { task: other, given } = "given" in dependency
        ? dependency
        : { task: dependency, given: {} };
      deps.set(name, this.#visit(other, argsFromValues(other.args, given, this.#cwd), false));
    }
    this.#path.delete(key);
    const leftOut = only ? wanted.map(([name]) => name) : [];
    const node: GraphNode = { key, label: this.#label(task, args), task, args, deps, leftOut };
    this.#nodes.set(key, node);
    return node;
  }

  /**
   * With its arguments where another goes by the bare name, and where a task gives it some: others may come that only those tell from it.
   */
  #label(task: AnyTask, args: ArgValues): string {
    const isOneOfMany = task !== this.#asked || this.#labels.has(task.name);
    const label = isOneOfMany ? labelWithArgs(task, args) : task.name;
    this.#labels.add(label);
    return label;
  }

  #ring(key: string, task: AnyTask): UsageError {
    const path = [...this.#path];
    const names = path.slice(path.findIndex(([each]) => each === key)).map(([, name]) => name);
    const shown = names.length > 12 ? [...names.slice(0, 6), "...", ...names.slice(-5)] : names;
    return new UsageError(`Cannot run "${task.name}": it waits for itself`, {
      hint: [...shown, task.name].join(" -> "),
    });
  }

  #depsOf(task: AnyTask, args: ArgValues): DepsShape {
    const { deps } = task.declared;
    const given: unknown = typeof deps === "function" ? deps(args) : deps;
    if (areNamed(given)) return given;
    throw new UsageError(`Cannot run "${task.name}": its deps gave no tasks by their names`, {
      hint: "a function of deps gives an object, and is not async",
    });
  }

  #key(task: AnyTask, args: ArgValues): string {
    let id = this.#ids.get(task);
    if (id === undefined) this.#ids.set(task, id = this.#ids.size);
    return `${id}:${canonical(args)}`;
  }
}

/** Whether they are an object of some; of a promise, or of a map, none would be found, and none would run. */
function areNamed(value: unknown): value is DepsShape {
  return typeof value === "object" && value !== null && !(value instanceof Promise) &&
    !(Symbol.iterator in value);
}

/** Whether it is one; a compiler that is not asked lets anything in. */
function isDependency(value: unknown): value is Dependency {
  return typeof value === "object" && value !== null && ("declared" in value || "given" in value);
}

/** What tells a task from others of its kind in a graph; URLs without what is secret in them. */
function labelWithArgs(task: AnyTask, args: ArgValues): string {
  const told = Object.entries(args).filter(([key, value]) =>
    value !== undefined && canonical(value) !== canonical(task.args[key]?.default)
  );
  const texts = told.map(([key, value]) => {
    const text = displayUrls(Array.isArray(value) ? value.join(",") : String(value));
    return task.args[key]?.positional ? text : `${key}=${text}`;
  });
  return [task.name, ...texts].join(" ");
}

/** A text that is equal for equal data: keys in order, what is not there left out. */
function canonical(data: unknown): string {
  if (Array.isArray(data)) return `[${data.map(canonical).join(",")}]`;
  if (typeof data === "object" && data !== null) {
    const parts = Object.entries(data)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, value]) => `${JSON.stringify(key)}:${canonical(value)}`);
    return `{${parts.join(",")}}`;
  }
  return JSON.stringify(data) ?? "null";
}
