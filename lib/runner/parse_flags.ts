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
  const end = argv.indexOf("--");
  const tokens = argv.flatMap((token, index) => {
    if (end >= 0 && end < index) return token;
    if (!token.startsWith("--")) return lettersApart(token, short, string);
    const value = bare[token.slice(2)];
    return value === undefined ? token : `${token}=${value}`;
  });
  const unknown: string[] = [];
  const parsed = parseArgs(tokens, {
    boolean,
    string,
    collect: string.slice(1),
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
  const flagTokens = end < 0 ? tokens : tokens.slice(0, tokens.indexOf("--"));
  const texts = textsOf(parsed, string.slice(1), flagTokens);
  if (unknown.length > 0) throw unknownFlag(unknown[0]!, [...keys.keys()], elsewhere);
  const switches = switchesOf(parsed, boolean, flagTokens);
  const keyed = <T>(values: readonly (readonly [flag: string, value: T])[]) =>
    new Map(values.map(([flag, value]) => [keys.get(flag)!, value]));
  return {
    texts: keyed(texts),
    switches: keyed(switches),
    positionals: [...parsed._.map(String), ...(parsed["--"] ?? [])],
  };
}

/** `-njx` as `-n -j=x`: all behind the letter of a flag that takes a value is its value, whatever it is. */
function lettersApart(
  token: string,
  short: Readonly<Record<string, string>>,
  flags: readonly string[],
): string[] {
  if (!token.startsWith("-")) return [token];
  for (let at = 1; at < token.length; at++) {
    const flag = short[token[at]!];
    if (flag === undefined) return [token];
    if (!flags.includes(flag)) continue;
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
    const bad = tokens.find((token) =>
      token.startsWith(`--${flag}=`) && !/=(true|false)$/.test(token)
    );
    if (bad !== undefined) {
      throw new UsageError(`Cannot read "${bad}": it takes no value`, {
        hint: `write --${flag} or --no-${flag}`,
      });
    }
    const on = parsed[flag] === true;
    const given = on ||
      tokens.some((token) =>
        token === `--${flag}` || token === `--no-${flag}` || token.startsWith(`--${flag}=`)
      );
    return given ? [[flag, on] as [string, boolean]] : [];
  });
}

function unknownFlag(
  token: string,
  flags: readonly string[],
  elsewhere: (flag: string) => readonly string[],
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
