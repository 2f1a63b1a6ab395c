/**
 * Holds the options of a call against what they must be, for callers whose types nobody checked: plain JavaScript, values of an environment.
 *
 * @module
 */
import { UsageError } from "./errors.ts";

const isText = (value: unknown) => typeof value === "string" && unpassable(value) === undefined;
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);

/** What is said of a text that holds what no system takes. */
export const passable = "without NUL or lone surrogates";

const shapes = {
  text: [isText, "a text"],
  texts: [isTexts, "a list of texts"],
  "text or texts": [
    (value: unknown) => isText(value) || isTexts(value),
    "a text or a list of them",
  ],
  switch: [(value: unknown) => typeof value === "boolean", "true or false"],
  list: [Array.isArray, "a list"],
  object: [
    (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value),
    "an object",
  ],
  function: [(value: unknown) => typeof value === "function", "a function"],
  number: [(value: unknown) => typeof value === "number", "a number"],
  // NaN is not an age that anything could be older or younger than.
  milliseconds: [
    (value: unknown) => typeof value === "number" && !Number.isNaN(value),
    "a number of milliseconds",
  ],
} as const satisfies Record<string, readonly [(value: unknown) => boolean, string]>;

/** What an option must be. */
export type OptionShape = keyof typeof shapes;

/**
 * Checks options by their names; others are left alone.
 *
 * @param required what must be there
 * @param optional what may be left out
 * @throws {UsageError} if one is missing, or something else than it must be
 */
export function checkOptions<T extends object>(
  options: T,
  required: { readonly [K in keyof T]?: OptionShape },
  optional: { readonly [K in keyof T]?: OptionShape } = {},
): void {
  if (typeof options !== "object" || options === null) {
    throw new UsageError(`Cannot use ${shown(options)} as options: they must be an object`);
  }
  for (const [name, shape] of entries(required)) checkValue(name, options[name], shape);
  for (const [name, shape] of entries(optional)) {
    if (options[name] !== undefined) checkValue(name, options[name], shape);
  }
}

/**
 * Checks a value that is given by itself.
 *
 * @throws {UsageError} if it is something else than it must be
 */
export function checkValue(name: string, value: unknown, shape: OptionShape): void {
  const [fits, what] = shapes[shape];
  if (fits(value)) return;
  const texts = [value].flat().filter((each) => typeof each === "string");
  const isStrange = texts.some((each) => unpassable(each) !== undefined);
  throw refusedOption(name, value, isStrange ? `${what} ${passable}` : what);
}

/**
 * The first character of a text that is in no name of a file and in no argument of a program, if there is one: NUL, or half of a character, for
 * which another one would be passed on.
 */
export function unpassable(text: string): string | undefined {
  return /[\0\p{Cs}]/u.exec(text)?.[0];
}

/**
 * The error of an option that is something else than it must be, also of one that is checked where it is used.
 *
 * @param must what it must be: `a text`
 */
export function refusedOption(name: string, value: unknown, must: string): UsageError {
  return new UsageError(`Cannot use ${shown(value)} as ${name}: it must be ${must}`);
}

function entries<T>(
  table: { readonly [K in keyof T]?: OptionShape },
): [Extract<keyof T, string>, OptionShape][] {
  return Object.entries(table) as [Extract<keyof T, string>, OptionShape][];
}

/** A value for people; what an object holds may be secret. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (Array.isArray(value)) return "such a list";
  if (typeof value === "function") return "a function";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
