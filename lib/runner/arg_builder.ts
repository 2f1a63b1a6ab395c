/**
 * `arg`: declares what a task takes.
 *
 * @module
 */
import { isAbsolute, resolve } from "@std/path";
import { plainPath } from "../base/plain_path.ts";
import { formatBytes, parseBytes } from "../base/bytes.ts";
import { formatDuration, parseDuration } from "../base/duration.ts";
import { UsageError } from "../base/errors.ts";
import type { Arg, ArgPlace } from "./arg.ts";
import type { ArgBuilder } from "./arg_builder_type.ts";
import type {
  ArgKind,
  ArgOptions,
  ArgPresence,
  BytesArgOptions,
  DurationArgOptions,
  ListArgOptions,
  NumberArgOptions,
  PathArgOptions,
  StringArgOptions,
} from "./arg_options.ts";

interface Common<T> extends Partial<ArgOptions> {
  required?: boolean;
  default?: T | undefined;
}

interface Rules<T> {
  kind: ArgKind;
  placeholder: string;
  values?: readonly string[];
  range?: string | undefined;
  parse(text: string, place: ArgPlace): T;
  check(value: unknown, place: ArgPlace): T;
}

function make<T>(options: Common<T>, rules: Rules<T>): Arg<T> {
  const { description = "", positional = false, env, example, placeholder } = options;
  const presence: ArgPresence = options.required
    ? "required"
    : options.default === undefined
    ? "optional"
    : "default";
  return {
    kind: rules.kind,
    description,
    presence,
    positional,
    placeholder: placeholder ?? rules.placeholder,
    ...(options.default === undefined ? {} : { default: options.default }),
    ...(env === undefined ? {} : { env }),
    ...(example === undefined ? {} : { example }),
    ...(rules.values === undefined ? {} : { values: rules.values }),
    ...(rules.range === undefined ? {} : { range: rules.range }),
    parse: rules.parse,
    check: rules.check,
  };
}

function refuse(place: ArgPlace, value: unknown, state: string, hint?: string): never {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  throw new UsageError(
    `Cannot use ${shown} for ${place.label}: ${state}`,
    hint === undefined ? {} : { hint },
  );
}

function stringArg(options: Common<string> & StringArgOptions): Arg<string> {
  const check = (value: unknown, place: ArgPlace): string => {
    if (typeof value !== "string") return refuse(place, value, "it is not a text");
    if (value === "") return refuse(place, value, "it is empty");
    const { pattern } = options;
    if (pattern !== undefined && !matchesWhole(pattern, value)) {
      return refuse(place, value, `it does not match ${pattern}`);
    }
    return value;
  };
  return make(options, { kind: "string", placeholder: "TEXT", parse: check, check });
}

function matchesWhole(pattern: RegExp, text: string): boolean {
  return new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gy]/g, "")).test(text);
}

interface NumberRules {
  kind: "number" | "duration" | "bytes";
  placeholder: string;
  integer?: boolean | undefined;
  min?: number | undefined;
  max?: number | undefined;
  read(text: string, place: ArgPlace): number;
  show(value: number): string;
}

function numericArg(options: Common<number>, rules: NumberRules): Arg<number> {
  const { min, max, integer } = rules;
  const range = numberRange(rules);
  const check = (value: unknown, place: ArgPlace): number => {
    if (typeof value !== "number" || !Number.isFinite(value)) {
      return refuse(place, value, "it is not a number");
    }
    if (integer && !Number.isSafeInteger(value)) {
      return refuse(place, value, "it is not a whole number");
    }
    if ((min !== undefined && value < min) || (max !== undefined && value > max)) {
      return refuse(place, rules.show(value), `it is not ${range ?? "in range"}`);
    }
    return value;
  };
  const { kind, placeholder } = rules;
  return make(options, {
    kind,
    placeholder,
    range,
    parse: (text, place) => check(rules.read(text, place), place),
    check,
  });
}

function numberRange(rules: NumberRules): string | undefined {
  const noun = rules.kind === "number"
    ? rules.integer ? "a whole number" : "a number"
    : rules.kind === "bytes"
    ? "a size"
    : "a time";
  const { min, max, show } = rules;
  if (min !== undefined && max !== undefined) return `${noun} from ${show(min)} to ${show(max)}`;
  if (min !== undefined && (min !== 0 || rules.kind === "number")) {
    return `${noun} of at least ${show(min)}`;
  }
  if (max !== undefined) return `${noun} of at most ${show(max)}`;
  return rules.integer && rules.kind === "number" ? noun : undefined;
}

function readNumber(text: string, place: ArgPlace): number {
  const trimmed = text.trim();
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)
    ? Number(trimmed)
    : refuse(place, text, "it is not a number");
}

function reading(read: (text: string) => number): (text: string, place: ArgPlace) => number {
  return (text, place) => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      const state = error.message.slice(error.message.lastIndexOf(": ") + 2);
      return refuse(place, text, state, error.hint);
    }
  };
}

function durationArg(options: Common<number | string> & DurationArgOptions): Arg<number> {
  const { default: given, min = 0, max, ...rest } = options;
  const value = typeof given === "string" ? parseDuration(given) : given;
  return numericArg({ ...rest, default: value }, {
    kind: "duration",
    placeholder: "TIME",
    min,
    max,
    read: reading(parseDuration),
    show: formatDuration,
  });
}

function bytesArg(options: Common<number | string> & BytesArgOptions): Arg<number> {
  const { default: given, min = 0, max, ...rest } = options;
  const value = typeof given === "string" ? parseBytes(given) : given;
  return numericArg({ ...rest, default: value }, {
    kind: "bytes",
    placeholder: "SIZE",
    integer: true,
    min,
    max,
    read: reading(parseBytes),
    show: formatBytes,
  });
}

function booleanArg(options: Common<boolean>): Arg<boolean> {
  const check = (value: unknown, place: ArgPlace): boolean =>
    typeof value === "boolean" ? value : refuse(place, value, "it is neither true nor false");
  return make({ ...options, default: options.default ?? false }, {
    kind: "boolean",
    placeholder: "",
    parse: (text, place) => {
      if (text === "true" || text === "1" || text === "yes") return true;
      if (text === "false" || text === "0" || text === "no") return false;
      return refuse(place, text, "it is neither true nor false");
    },
    check,
  });
}

function enumArg(values: readonly string[], options: Common<string>): Arg<string> {
  const check = (value: unknown, place: ArgPlace): string =>
    typeof value === "string" && values.includes(value)
      ? value
      : refuse(place, value, `it is none of ${values.join(", ")}`);
  return make(options, { kind: "enum", placeholder: "NAME", values, parse: check, check });
}

function pathArg(options: Common<string> & PathArgOptions): Arg<string> {
  const check = (value: unknown, place: ArgPlace): string => {
    if (typeof value !== "string" || value === "") return refuse(place, value, "it is not a path");
    if (value.includes("\0")) return refuse(place, value, "it holds a NUL character");
    const path = isAbsolute(value) ? plainPath(value) : resolve(plainPath(`${place.cwd}/${value}`));
    if (options.exists !== undefined) checkExists(path, value, options.exists, place);
    return path;
  };
  return make(options, { kind: "path", placeholder: "PATH", parse: check, check });
}

function checkExists(
  path: string,
  value: string,
  what: "file" | "folder" | "any",
  place: ArgPlace,
): void {
  let info: Deno.FileInfo;
  try {
    info = Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return refuse(place, value, "it is not there");
    throw error;
  }
  if (what === "file" && !info.isFile) refuse(place, value, "it is not a file");
  if (what === "folder" && !info.isDirectory) refuse(place, value, "it is not a folder");
}

function listArg<T>(
  item: Arg<T>,
  options: Common<readonly T[]> & ListArgOptions = {},
): Arg<readonly T[]> {
  const min = options.min ?? (options.required ? 1 : 0);
  const { max } = options;
  const checkCount = (items: readonly T[], place: ArgPlace): readonly T[] => {
    if (items.length < min) {
      throw new UsageError(
        `Cannot use ${items.length} value(s) for ${place.label}: at least ${min} must be given`,
      );
    }
    if (max !== undefined && items.length > max) {
      throw new UsageError(
        `Cannot use ${items.length} values for ${place.label}: at most ${max} may be given`,
      );
    }
    return items;
  };
  const made = make<readonly T[]>(
    {
      ...options,
      description: options.description ?? item.description,
      positional: options.positional ?? item.positional,
      ...withDefined("example", options.example ?? item.example),
      ...withDefined("env", options.env ?? item.env),
    },
    {
      kind: "list",
      placeholder: item.placeholder,
      ...(item.values === undefined ? {} : { values: item.values }),
      range: item.range,
      parse: (text, place) => [item.parse(text, place)],
      check: (value, place) =>
        Array.isArray(value)
          ? checkCount(value.map((each) => item.check(each, place)), place)
          : refuse(place, value, "it is not a list"),
    },
  );
  return made;
}

function withDefined<K extends string>(
  key: K,
  value: string | undefined,
): Partial<Record<K, string>> {
  return value === undefined ? {} : { [key]: value } as Record<K, string>;
}

/**
 * Declares what a task takes. Each kind gives a TypeScript type, a flag, a check and a line of help: `string`, `number`,
 * `boolean`, `enum`, `duration` (milliseconds), `bytes`, `path` (absolute) and `list`.
 *
 * @example
 * ```ts
 * import { arg } from "@kedge/kedge";
 *
 * const args = {
 *   host: arg.string({ description: "Host to install", positional: true, required: true }),
 *   jobs: arg.number({ description: "How many at once", integer: true, min: 1, default: 4 }),
 *   mode: arg.enum(["fast", "safe"], { description: "How to go about it", default: "safe" }),
 * };
 * ```
 */
export const arg: ArgBuilder = {
  string: stringArg,
  number: (options: Common<number> & NumberArgOptions) =>
    numericArg(options, {
      kind: "number",
      placeholder: "N",
      integer: options.integer,
      min: options.min,
      max: options.max,
      read: readNumber,
      show: String,
    }),
  boolean: booleanArg,
  enum: enumArg,
  duration: durationArg,
  bytes: bytesArg,
  path: pathArg,
  list: listArg,
} as ArgBuilder;
