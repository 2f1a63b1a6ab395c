/**
 * What one argument of a task may be. One declaration gives the TypeScript type, the flag, the check, the help and the part
 * of the key by which a task runs once.
 *
 * Invariants: `parse` takes what a person typed, `check` what a program passed; both give a value that is in range or throw a
 * `UsageError` that names the argument and the value.
 *
 * @module
 */
import type { ArgKind, ArgPresence } from "./arg_options.ts";

/** One declared argument. Make it with {@linkcode arg}. */
export interface Arg<T = unknown, P extends ArgPresence = ArgPresence> {
  /** What kind of value it takes. */
  readonly kind: ArgKind;
  /** What kind each of its values is of, where it takes several. */
  readonly item?: ArgKind;
  /** What it is for, one line. */
  readonly description: string;
  /** Whether it must be given, has a default, or may be left out. */
  readonly presence: P;
  /** Whether it stands without a flag, in the order of declaration. */
  readonly positional: boolean;
  /** What it is when it is not given. */
  readonly default?: T;
  /** The environment variable that stands in for it. */
  readonly env?: string;
  /** A value for the help. */
  readonly example?: string;
  /** The values that it may have, when they can be listed. */
  readonly values?: readonly string[];
  /** What the help says of its range: `a whole number from 1 to 8`. */
  readonly range?: string;
  /** What stands for the value in the help: `N`, `PATH`. */
  readonly placeholder: string;
  /** The heading under which the help lists its flag. */
  readonly group?: string;
  /** The default that the help shows, where the task itself chooses it. */
  readonly defaultText?: string;
  /** Reads what was typed; an error says why that cannot be used. */
  parse(text: string, place: ArgPlace): T;
  /** Checks a value that a program passed. */
  check(value: unknown, place: ArgPlace): T;
}

/** Where a value came from, for messages and for relative paths. */
export interface ArgPlace {
  /** `--jobs`, `FROM`, `DENO_JOBS`. */
  readonly label: string;
  /** The folder from which relative paths are read. */
  readonly cwd: string;
}

/** The arguments of a task, by their names. */
export type ArgsShape = Readonly<Record<string, Arg>>;

/** The names of the arguments with such a presence. */
export type KeysOf<A extends ArgsShape, P extends ArgPresence> = {
  [K in keyof A]: A[K]["presence"] extends P ? K : never;
}[keyof A];

/** The value of an argument. */
export type ValueOf<T> = T extends Arg<infer V> ? V : never;

/** The same type, shown as one object. */
export type Flat<T> = { [K in keyof T]: T[K] };

/** The values that a task's run function gets: what is optional and was not given is not there. */
export type ArgsOf<A extends ArgsShape> = Flat<
  & { readonly [K in KeysOf<A, "required" | "default">]: ValueOf<A[K]> }
  & { readonly [K in KeysOf<A, "optional">]?: ValueOf<A[K]> }
>;

/** The values that a caller passes: only what is required must be there, and `undefined` is as if it were not. */
export type ArgsInput<A extends ArgsShape> = Flat<
  & { readonly [K in KeysOf<A, "required">]: ValueOf<A[K]> }
  & { readonly [K in KeysOf<A, "default" | "optional">]?: ValueOf<A[K]> | undefined }
>;

/** Whether a task with these arguments cannot run without being given some. */
export type NeedsArgs<A extends ArgsShape> = [KeysOf<A, "required">] extends [never] ? false : true;
