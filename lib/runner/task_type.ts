/**
 * What a task is, and what is declared of it. These types name each other in a circle, and so are in one file.
 *
 * @module
 */
import type { ArgsInput, ArgsOf, ArgsShape, NeedsArgs } from "./arg.ts";
import type { Need } from "./need.ts";
import type { PermissionSet } from "./permission_set.ts";
import type { RetryOptions, RetryPlan } from "./retry.ts";
import type { TaskContext } from "./task_context.ts";

/** Any task, whatever it takes, that gives an `R`. */
export interface AnyTask<out R = unknown> {
  /** Its name on the command line. */
  readonly name: string;
  /** What it does, one line. */
  readonly description: string;
  /** The heading under which it is listed. */
  readonly group?: string;
  /** What it takes. */
  readonly args: ArgsShape;
  /** Whether it cannot run without being given arguments. */
  readonly needsArgs: boolean;
  /** All else that was declared. */
  readonly declared: DeclaredTask<R>;
}

/** A declared task. Make it with {@linkcode task}. */
export interface Task<A extends ArgsShape, out R> extends AnyTask<R> {
  /** What it takes. */
  readonly args: A;
  /** Whether it cannot run without being given arguments. */
  readonly needsArgs: NeedsArgs<A>;
  /** The task with arguments: what a dependency is, when the task needs some. */
  with(args: ArgsInput<A>): Invocation<R>;
}

/** A task with the arguments that it is to run with. Make it with `task.with(args)`. */
export interface Invocation<out R = unknown> {
  /** The task. */
  readonly task: AnyTask<R>;
  /** The arguments, as the caller passed them. */
  readonly given: Readonly<Record<string, unknown>>;
}

/** What may stand as a dependency: a task that needs no arguments, or one with its arguments. */
export type Dependency<R = unknown> =
  | (AnyTask<R> & {
    /** It runs without any. */
    readonly needsArgs: false;
  })
  | Invocation<R>;

/** The dependencies of a task, by the names under which it gets their results. */
export type DepsShape = Readonly<Record<string, Dependency>>;

/** The results of the dependencies. */
export type DepsOf<D extends DepsShape> = { readonly [K in keyof D]: ResultOf<D[K]> };

/** What a task, or a task with its arguments, gives. */
export type ResultOf<T> = T extends AnyTask<infer R> ? R
  : T extends Invocation<infer R> ? R
  : never;

/** Evidence that a task has nothing to do, and what it would have given. */
export type Fresh<R> =
  & {
    /** The evidence, in one sentence. */
    readonly why: string;
  }
  & (R extends void | undefined ? {
      /** The result. */
      readonly value?: R;
    }
    : {
      /** The result. */
      readonly value: R;
    });

/** What {@linkcode task} is given. */
export interface TaskOptions<A extends ArgsShape, D extends DepsShape, R> {
  /** Its name on the command line: `kexec`, `image:sync`. */
  readonly name: string;
  /** What it does, one line. */
  readonly description: string;
  /** The heading under which it is listed. */
  readonly group?: string | undefined;
  /** What it takes. */
  readonly args?: A | undefined;
  /** What runs before it, by the names under which it gets the results; may depend on its arguments. */
  readonly deps?: (D | ((args: ArgsOf<A>) => D)) | undefined;
  /** What must be there before anything starts. */
  readonly needs?: readonly Need[] | undefined;
  /** How long one try may take: milliseconds, or a text such as `"5m"`. @default {no limit} */
  readonly timeout?: number | string | undefined;
  /** How it is tried again after a failure. @default {not at all} */
  readonly retry?: number | RetryOptions | undefined;
  /** Asked before anything starts; `--yes` answers it. A function that gives nothing asks nobody. */
  readonly confirm?: (string | ((args: ArgsOf<A>) => string | undefined)) | undefined;
  /**
   * Whether it only answers a question: then its run is not written into the journal, and nothing but the answer is shown.
   *
   * @default {false}
   */
  readonly query?: boolean | undefined;
  /** The permissions of Deno that it uses, beside what the runner itself uses; `cacheDir` is the cache folder. */
  readonly permissions?:
    | (PermissionSet | ((args: ArgsOf<A>, cacheDir: string) => PermissionSet))
    | undefined;
  /** Gives evidence that there is nothing to do, or `undefined`; runs in a dry run too, so it must write nothing. */
  readonly fresh?:
    | ((
      context: TaskRunContext<A, D>,
    ) => Fresh<NoInfer<R>> | undefined | Promise<Fresh<NoInfer<R>> | undefined>)
    | undefined;
  /** Does the work. Task functions that it calls without its context take the flags of the run; what it does without them is done in a dry run too. */
  readonly run: (context: TaskRunContext<A, D>) => R | Promise<R>;
  /** What is printed on standard output of the result, one line each; write it after `run`, so that its type is known. */
  readonly output?: ((result: R) => string | readonly string[] | undefined) | undefined;
}

/** What a task was declared with, for the runner. */
export interface DeclaredTask<out R = unknown> {
  /** What runs before it. */
  readonly deps: DepsShape | ((args: Readonly<Record<string, unknown>>) => DepsShape);
  /** What must be there before anything starts. */
  readonly needs: readonly Need[];
  /** Whether it only answers a question. */
  readonly query: boolean;
  /** Whether its functions take the context, and so may use `$`. */
  readonly usesContext: boolean;
  /** How long one try may take, in milliseconds. */
  readonly timeoutMs?: number;
  /** How it is tried again. */
  readonly retry: RetryPlan;
  /** Asked before anything starts. */
  confirm?(args: Readonly<Record<string, unknown>>): string | undefined;
  /** The permissions that it uses. */
  permissions?(args: Readonly<Record<string, unknown>>, cacheDir: string): PermissionSet;
  /** Gives evidence that there is nothing to do. */
  fresh?(context: TaskRunContext<ArgsShape, DepsShape>): unknown;
  /** Does the work. */
  run(context: TaskRunContext<ArgsShape, DepsShape>): Promise<R>;
  /** What is printed of the result. */
  output?(result: unknown): string | readonly string[] | undefined;
}

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
