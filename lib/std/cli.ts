/** The typed doorway to `@std/cli`. @module */
import { parseArgs as parse } from "deno-std/cli/parse_args.js";

/** Options of {@link parseArgs}; a name may carry dashes. */
export interface ParseArgsOptions {
  /** Flags that take no value. */
  boolean?: readonly string[];
  /** Flags that take a string. */
  string?: readonly string[];
  /** Flags that may be given several times. */
  collect?: readonly string[];
  /** Boolean flags of which `--no-NAME` is the opposite. */
  negatable?: readonly string[];
  /** Short names: long name to one or more aliases. */
  alias?: Record<string, string | readonly string[]>;
  /** Whether all that follows `--` goes to the `--` list. */
  "--"?: boolean;
  /** Whether parsing ends at the first positional. */
  stopEarly?: boolean;
  /** Called for what was not declared; `false` drops it. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** What {@link parseArgs} gives: positionals under `_`, all else by name. */
export interface ParsedArgs {
  /** The positionals. */
  _: (string | number)[];
  /** What follows `--`, when it was asked for. */
  "--"?: string[];
  /** The value of a flag. */
  [name: string]: unknown;
}

/** Splits a command line into flags and positionals. */
export const parseArgs: (args: readonly string[], options?: ParseArgsOptions) => ParsedArgs = parse;
