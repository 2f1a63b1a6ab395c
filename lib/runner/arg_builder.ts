/**
 * `arg`: declares what a task takes.
 *
 * @module
 */
import { isAbsolute, resolve } from "@std/path";
import { namesFolder } from "../base/names_folder.ts";
import { plainPath } from "../base/plain_path.ts";
import { defined } from "../base/defined.ts";
import { UsageError } from "../base/errors.ts";
import type { Arg, ArgPlace } from "./arg.ts";
import type { ArgBuilder } from "./arg_builder_type.ts";
import { declaring } from "./declaring.ts";
import type { ListArgOptions, PathArgOptions, StringArgOptions } from "./arg_options.ts";
import { type CommonArgOptions, makeArg, refuse } from "./make_arg.ts";
import { bytesArg, durationArg, numberArg } from "./numeric_arg.ts";

function stringArg(options: CommonArgOptions<string> & StringArgOptions): Arg<string> {
  const check = (value: unknown, place: ArgPlace): string => {
    if (typeof value !== "string") return refuse(place, value, "it is not a text");
    if (value === "") return refuse(place, value, "it is empty");
    const { pattern, placeholder } = options;
    if (pattern !== undefined && !matchesWhole(pattern, value)) {
      return refuse(
        place,
        value,
        `it ${placeholder ? `is not ${placeholder}` : `does not match ${pattern}`}`,
      );
    }
    return value;
  };
  return makeArg(options, { kind: "string", placeholder: "TEXT", parse: check, check });
}

function matchesWhole(pattern: RegExp, text: string): boolean {
  return new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gy]/g, "")).test(text);
}

function booleanArg(options: CommonArgOptions<boolean>): Arg<boolean> {
  const check = (value: unknown, place: ArgPlace): boolean =>
    typeof value === "boolean" ? value : refuse(place, value, "it is not true or false");
  return makeArg({ ...options, default: options.default ?? false }, {
    kind: "boolean",
    placeholder: "",
    parse: (text, place) => {
      if (text === "true" || text === "1" || text === "yes") return true;
      if (text === "false" || text === "0" || text === "no") return false;
      return refuse(place, text, "it is not true or false");
    },
    check,
  });
}

function enumArg(values: readonly string[], options: CommonArgOptions<string>): Arg<string> {
  const check = (value: unknown, place: ArgPlace): string =>
    typeof value === "string" && values.includes(value)
      ? value
      : refuse(place, value, `it is none of ${values.join(", ")}`);
  return makeArg(options, { kind: "enum", placeholder: "NAME", values, parse: check, check });
}

function pathArg(options: CommonArgOptions<string> & PathArgOptions): Arg<string> {
  const check = (value: unknown, place: ArgPlace): string => {
    if (typeof value !== "string" || value === "") return refuse(place, value, "it is not a path");
    if (value.includes("\0")) return refuse(place, value, "it holds a NUL character");
    if (options.isFile === true && namesFolder(value)) {
      return refuse(place, value, "it ends as the path of a folder does");
    }
    const path = isAbsolute(value) ? plainPath(value) : resolve(plainPath(`${place.cwd}/${value}`));
    if (options.exists !== undefined) checkExists(path, value, options.exists, place);
    return path;
  };
  return makeArg(options, { kind: "path", placeholder: "PATH", parse: check, check });
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
  options: CommonArgOptions<readonly T[]> & ListArgOptions = {},
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
  const made = makeArg<readonly T[]>(
    {
      ...options,
      description: options.description ?? item.description,
      positional: options.positional ?? item.positional,
      ...defined({
        example: options.example ?? item.example,
        env: options.env ?? item.env,
        group: options.group ?? item.group,
        defaultText: options.defaultText ?? item.defaultText,
      }),
    },
    {
      kind: "list",
      item: item.kind,
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
  string: declared(stringArg, "options"),
  number: declared(numberArg, "options"),
  boolean: declared(booleanArg, "options"),
  enum: declared(enumArg, "values", "options"),
  duration: declared(durationArg, "options"),
  bytes: declared(bytesArg, "options"),
  path: declared(pathArg, "options"),
  list: declared(listArg, "items", "more"),
} as ArgBuilder;

const parts = {
  options: [isObject, "an object"],
  values: [Array.isArray, "a list of texts"],
  items: [isObject, "an argument"],
  more: [(value: unknown) => value === undefined || isObject(value), "an object"],
} as const;

/** What makes an argument, for callers whose types nobody checked. */
function declared<R, A extends readonly unknown[]>(
  make: (...given: A) => R,
  ...names: readonly (keyof typeof parts)[]
): (...given: A) => R {
  return (...given) =>
    declaring(() => {
      for (const [index, name] of names.entries()) {
        const [fits, must] = parts[name];
        if (fits(given[index])) continue;
        throw new UsageError(
          `Cannot declare an argument: its ${name === "more" ? "options" : name} must be ${must}`,
        );
      }
      return make(...given);
    });
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
