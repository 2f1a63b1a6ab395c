import type { Arg } from "./arg.ts";
import type {
  ArgOptions,
  BytesArgOptions,
  DefaultArg,
  DurationArgOptions,
  ListArgOptions,
  NumberArgOptions,
  OptionalArg,
  PathArgOptions,
  RequiredArg,
  StringArgOptions,
} from "./arg_options.ts";

/** Makes arguments of each kind; see `arg`. */
export interface ArgBuilder {
  /** A text that must be given. */
  string(options: RequiredArg<StringArgOptions>): Arg<string, "required">;
  /** A text with a default. */
  string(options: DefaultArg<StringArgOptions, string>): Arg<string, "default">;
  /** A text that may be left out. */
  string(options: OptionalArg<StringArgOptions>): Arg<string, "optional">;

  /** A number that must be given. */
  number(options: RequiredArg<NumberArgOptions>): Arg<number, "required">;
  /** A number with a default. */
  number(options: DefaultArg<NumberArgOptions, number>): Arg<number, "default">;
  /** A number that may be left out. */
  number(options: OptionalArg<NumberArgOptions>): Arg<number, "optional">;

  /** A switch: `--name` and `--no-name`; off by default. */
  boolean(options: ArgOptions & { default?: boolean; required?: false }): Arg<boolean, "default">;

  /** One of several words that must be given. */
  enum<const V extends string>(
    values: readonly V[],
    options: RequiredArg<ArgOptions>,
  ): Arg<V, "required">;
  /** One of several words, with a default. */
  enum<const V extends string>(
    values: readonly V[],
    options: DefaultArg<ArgOptions, NoInfer<V>>,
  ): Arg<V, "default">;
  /** One of several words that may be left out. */
  enum<const V extends string>(
    values: readonly V[],
    options: OptionalArg<ArgOptions>,
  ): Arg<V, "optional">;

  /** A time in milliseconds that must be given. */
  duration(options: RequiredArg<DurationArgOptions>): Arg<number, "required">;
  /** A time in milliseconds with a default, which may be written as `"30s"`. */
  duration(options: DefaultArg<DurationArgOptions, number | string>): Arg<number, "default">;
  /** A time in milliseconds that may be left out. */
  duration(options: OptionalArg<DurationArgOptions>): Arg<number, "optional">;

  /** A size in bytes that must be given. */
  bytes(options: RequiredArg<BytesArgOptions>): Arg<number, "required">;
  /** A size in bytes with a default, which may be written as `"64KiB"`. */
  bytes(options: DefaultArg<BytesArgOptions, number | string>): Arg<number, "default">;
  /** A size in bytes that may be left out. */
  bytes(options: OptionalArg<BytesArgOptions>): Arg<number, "optional">;

  /** A path that must be given; it arrives absolute. */
  path(options: RequiredArg<PathArgOptions>): Arg<string, "required">;
  /** A path with a default; it arrives absolute. */
  path(options: DefaultArg<PathArgOptions, string>): Arg<string, "default">;
  /** A path that may be left out; it arrives absolute. */
  path(options: OptionalArg<PathArgOptions>): Arg<string, "optional">;

  /** Several values, at least one: a repeated flag, or all positionals that are left. */
  list<T>(item: Arg<T>, options: RequiredArg<ListArgOptions>): Arg<readonly T[], "required">;
  /** Several values, with a default. */
  list<T>(
    item: Arg<T>,
    options: DefaultArg<ListArgOptions, readonly NoInfer<T>[]>,
  ): Arg<readonly T[], "default">;
  /** Several values, or none. */
  list<T>(item: Arg<T>, options?: OptionalArg<ListArgOptions>): Arg<readonly T[], "optional">;
}
