/**
 * Splits a command line by declared arguments, with `parseArgs` of the standard library underneath.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { UsageError } from "../base/errors.ts";
import { listed } from "../base/listed.ts";
import type { ArgsShape } from "./arg.ts";
import { flagName } from "./flag_name.ts";
import { nearest } from "../base/nearest.ts";

/** What was typed, by the names of the arguments; not yet checked. */
export interface ParsedFlags {
  /** The texts of each flag that was given, in their order. */
  readonly texts: ReadonlyMap<string, readonly string[]>;
  /** The switches that were given. */
  readonly switches: ReadonlyMap<string, boolean>;
  /** What stands without a flag. */
  readonly positionals: readonly string[];
}

/** Options of {@linkcode parseFlags}. */
export interface ParseFlagsOptions {
  /** Flags whose value may be left out, and what then stands for it. */
  bare?: Readonly<Record<string, string>>;
  /** One-letter names of flags. */
  short?: Readonly<Record<string, string>>;
  /** Whether all from the first positional on is left as it is. @default {false} */
  stopEarly?: boolean;
  /** The tasks that have a flag, for the hint. */
  elsewhere?: (flag: string) => readonly string[];
}

/**
 * Reads the flags of a shape.
 *
 * @throws {UsageError} on a flag that is not declared, or one without its value
 */
export function parseFlags(
  argv: readonly string[],
  shape: ArgsShape,
  options: ParseFlagsOptions = {},
): ParsedFlags {
  const { bare = {}, short = {}, stopEarly = false, elsewhere = () => [] } = options;
  const firstFlag = argv.findIndex((token) => token.startsWith("-"));
  if (firstFlag < 0 || stopEarly && firstFlag > 0 && !argv.includes("--")) {
    return { texts: new Map(), switches: new Map(), positionals: argv };
  }
  const keys = new Map<string, string>();
  const boolean: string[] = [];
  const string: string[] = ["_"];
  for (const [key, declared] of Object.entries(shape)) {
    if (declared.positional) continue;
    const flag = flagName(key);
    keys.set(flag, key);
    (declared.kind === "boolean" ? boolean : string).push(flag);
  }
  const dashes = argv.indexOf("--");
  const end = dashes < 0 ? argv.length : dashes;
  const declared: Declared = { boolean, texts: string.slice(1), short, bare };
  const parts = argv.map((token, index) => index < end ? asParsed(token, declared) : [token]);
  const tokens = parts.flat();
  const unknown: string[] = [];
  const parsed = parseArgs(tokens, {
    boolean,
    string,
    collect: declared.texts,
    negatable: boolean,
    alias: Object.fromEntries(
      Object.entries(short).filter(([, flag]) => keys.has(flag)).map((
        [letter, flag],
      ) => [flag, letter]),
    ),
    "--": true,
    stopEarly,
    unknown: (token, key) => {
      if (key === undefined) return true;
      const flag = key.replace(/=$/, "");
      if (keys.has(flag)) {
        throw new UsageError(`Cannot read --${flag}: its value is empty`, {
          hint: "give it a value, or leave the flag out",
        });
      }
      unknown.push(token);
      return false;
    },
  });
  // What stands behind it is no flag.
  const flagTokens = parts.slice(0, end).flat();
  const texts = textsOf(parsed, declared.texts, flagTokens);
  if (unknown.length > 0) throw unknownFlag(unknown[0]!, [...keys.keys()], elsewhere);
  const switches = switchesOf(parsed, boolean, flagTokens);
  const keyed = <T>(values: readonly (readonly [flag: string, value: T])[]) =>
    new Map(values.map(([flag, value]) => [keys.get(flag)!, value]));
  return {
    texts: keyed(texts),
    switches: keyed(switches),
    positionals: stopEarly
      ? [...argv.slice(firstPositional(parts, end, parsed._.length), end), ...argv.slice(end + 1)]
      : [...parsed._.map(String), ...(parsed["--"] ?? [])],
  };
}

/** The flags of a shape. */
interface Declared {
  /** The switches. */
  readonly boolean: readonly string[];
  /** The others. */
  readonly texts: readonly string[];
  readonly short: Readonly<Record<string, string>>;
  readonly bare: Readonly<Record<string, string>>;
}

/** Where what was left as it is begins in the command line: of some words of it, `parseArgs()` was given several. */
function firstPositional(
  parts: readonly (readonly string[])[],
  end: number,
  left: number,
): number {
  let at = end;
  for (let count = left; count > 0; count -= parts[at]!.length) at--;
  return at;
}

/**
 * A word of a command line as `parseArgs()` has to be given it: it takes any value for that of a switch, drops one behind a letter, and leaves
 * `no-` out wherever a value follows.
 *
 * @throws {UsageError} on a value of a switch other than true or false
 */
function asParsed(token: string, declared: Declared): string[] {
  const { boolean, texts, bare } = declared;
  if (!token.startsWith("--")) return lettersApart(token, declared);
  const [, flag, value = ""] = /^--([^=]+)=(.*)$/s.exec(token) ?? [];
  if (flag === undefined) {
    const standing = bare[token.slice(2)];
    return [standing === undefined ? token : `${token}=${standing}`];
  }
  const isNegative = flag.startsWith("no-");
  if (boolean.includes(flag)) {
    if (value !== "true" && value !== "false") throw takesNoValue(token, flag);
    if (isNegative) return [value === "true" ? `--${flag}` : `--no-${flag}`];
  } else if (isNegative && texts.includes(flag)) {
    if (value !== "" && !value.startsWith("-")) return [`--${flag}`, value];
  } else if (isNegative) {
    const opposite = flag.slice("no-".length);
    if (boolean.includes(opposite)) throw takesNoValue(token, opposite);
    if (texts.includes(opposite)) throw unknownFlag(token, [...boolean, ...texts]);
  }
  return [token];
}

/** `-njx` as `-n -j=x`: all behind the letter of a flag that takes a value is its value, whatever it is. */
function lettersApart(token: string, { boolean, texts, short }: Declared): string[] {
  if (!token.startsWith("-")) return [token];
  for (let at = 1; at < token.length; at++) {
    const flag = short[token[at]!] ?? "";
    if (boolean.includes(flag)) continue;
    if (!texts.includes(flag)) {
      if (at === 1) return [token];
      throw token[at] === "="
        ? takesNoValue(token, short[token[at - 1]!]!)
        : unknownFlag(token, [...boolean, ...texts]);
    }
    const value = token.slice(at + 1);
    const given = value === "" || value.startsWith("=") ? value : `=${value}`;
    return [...(at > 1 ? [token.slice(0, at)] : []), `-${token[at]}${given}`];
  }
  return [token];
}

/** The values of each flag that was given some. */
function textsOf(
  parsed: Readonly<Record<string, unknown>>,
  flags: readonly string[],
  tokens: readonly string[],
): [flag: string, values: readonly string[]][] {
  return flags.flatMap((flag) => {
    const values = (parsed[flag] ?? []) as readonly string[];
    if (values.includes("") && !tokens.includes(`--${flag}=`)) {
      throw new UsageError(`Cannot read --${flag}: its value is missing`, {
        hint: `write --${flag}=VALUE if the value begins with a dash`,
      });
    }
    return values.length === 0 ? [] : [[flag, values] as [string, readonly string[]]];
  });
}

/** Each switch that was given, and what it says. */
function switchesOf(
  parsed: Readonly<Record<string, unknown>>,
  flags: readonly string[],
  tokens: readonly string[],
): [flag: string, on: boolean][] {
  return flags.flatMap((flag) => {
    const on = parsed[flag] === true;
    const given = on ||
      tokens.some((token) =>
        token === `--${flag}` || token === `--no-${flag}` || token.startsWith(`--${flag}=`)
      );
    return given ? [[flag, on] as [string, boolean]] : [];
  });
}

function takesNoValue(token: string, flag: string): UsageError {
  return new UsageError(`Cannot read "${token}": it takes no value`, {
    hint: `write --${flag} or --no-${flag}`,
  });
}

function unknownFlag(
  token: string,
  flags: readonly string[],
  elsewhere: (flag: string) => readonly string[] = () => [],
): UsageError {
  const name = token.replace(/^-+/, "").replace(/=.*$/s, "");
  const shown = token.startsWith("--") ? `--${name}` : `-${name}`;
  const tasks = elsewhere(name).map((task) => `"${task}"`);
  if (tasks.length > 0) {
    const some = tasks.length > 3 ? [...tasks.slice(0, 2), "others"] : tasks;
    return new UsageError(`Cannot use "${shown}" here: it is a flag of ${listed(some)}`, {
      hint: "write it after the task's name",
    });
  }
  const near = nearest(name.replace(/^no-/, ""), flags);
  return new UsageError(
    `Cannot use "${shown}": there is no such flag`,
    { hint: near === undefined ? "--help shows the flags" : `did you mean --${near}?` },
  );
}
