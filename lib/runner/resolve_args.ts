/**
 * From what was typed, or passed by a program, to the values that a task gets.
 *
 * @module
 */
import { KedgeError, toError, UsageError } from "../base/errors.ts";
import { listed } from "../base/listed.ts";
import type { Arg, ArgPlace, ArgsShape } from "./arg.ts";
import { flagName } from "./flag_name.ts";
import type { ParsedFlags } from "./parse_flags.ts";

/** The values of a task's arguments. */
export type ArgValues = Readonly<Record<string, unknown>>;

/** Where values may come from beside the command line. */
export interface ArgSources {
  /** Reads an environment variable. */
  env(name: string): string | undefined;
  /** The folder from which relative paths of defaults and of the environment are read. */
  readonly cwd: string;
  /** The folder in which the command line was typed. @default {cwd} */
  readonly typedIn?: string;
}

/** How an argument is called on the command line. */
export function argLabel(key: string, declared: Arg): string {
  return declared.positional ? flagName(key).toUpperCase() : `--${flagName(key)}`;
}

/**
 * The values of what was typed: flag, then environment, then default.
 *
 * @param taskName the task that takes them, for the hints
 * @throws {UsageError} on a value out of its range, several of a flag that takes one, those that are missing, or one too many
 */
export function argsFromFlags(
  shape: ArgsShape,
  flags: ParsedFlags,
  sources: ArgSources,
  taskName = "",
): ArgValues {
  const values: Record<string, unknown> = {};
  const lacking: [key: string, declared: Arg][] = [];
  const left = [...flags.positionals];
  for (const [key, declared] of Object.entries(shape)) {
    const label = argLabel(key, declared);
    const place: ArgPlace = { label, cwd: sources.typedIn ?? sources.cwd };
    const texts = declared.positional
      ? left.splice(0, declared.kind === "list" ? left.length : 1)
      : flags.texts.get(key) ?? [];
    const value = fromTexts(key, declared, texts, flags, place) ??
      fromEnv(declared, sources) ?? fromDefault(declared, { label, cwd: sources.cwd });
    if (value !== undefined) values[key] = value;
    else if (declared.presence === "required") lacking.push([key, declared]);
  }
  if (lacking.length > 0) throw missing(lacking, taskName);
  if (left.length > 0) {
    throw new UsageError(`Cannot use "${left[0]}": the task takes no further argument`, {
      hint: `${taskName} --help shows what it takes`,
    });
  }
  return values;
}

function fromTexts(
  key: string,
  declared: Arg,
  texts: readonly string[],
  flags: ParsedFlags,
  place: ArgPlace,
): unknown {
  if (declared.kind === "boolean") return flags.switches.get(key);
  if (texts.length === 0) return undefined;
  if (declared.kind !== "list") refuseSeveral(texts, place);
  return fromText(declared, texts, place);
}

/** Two values of a flag that takes one: which of them is meant, nobody can know. */
function refuseSeveral(texts: readonly string[], place: ArgPlace): void {
  const values = [...new Set(texts)];
  if (values.length === 1) return;
  const shown = listed(values.map((text) => JSON.stringify(text)));
  throw new UsageError(`Cannot use ${shown} for ${place.label}: it takes one value`, {
    hint: "give the flag once",
  });
}

function fromEnv(declared: Arg, sources: ArgSources): unknown {
  if (declared.env === undefined) return undefined;
  const text = sources.env(declared.env);
  if (text === undefined || text === "") return undefined;
  const place: ArgPlace = { label: declared.env, cwd: sources.cwd };
  if (declared.kind !== "list") return fromText(declared, [text], place);
  const items = text.split(/[,\n]/).map((item) => item.trim()).filter((item) => item !== "");
  return fromText(declared, items, place);
}

/** What was typed, read; what a reader of the user's own throws is told as any other bad value. */
function fromText(declared: Arg, texts: readonly string[], place: ArgPlace): unknown {
  try {
    if (declared.kind !== "list") return declared.parse(texts[0]!, place);
    return declared.check(texts.flatMap((text) => declared.parse(text, place) as unknown[]), place);
  } catch (cause) {
    if (cause instanceof KedgeError) throw cause;
    const shown = listed(texts.map((text) => JSON.stringify(text)));
    const message = `Cannot use ${shown} for ${place.label}: ${toError(cause).message}`;
    throw new UsageError(message, { cause });
  }
}

function fromDefault(declared: Arg, place: ArgPlace): unknown {
  return declared.default === undefined ? undefined : declared.check(declared.default, place);
}

function missing(
  lacking: readonly (readonly [key: string, declared: Arg])[],
  taskName: string,
): UsageError {
  const labels = lacking.map(([key, declared]) => argLabel(key, declared));
  const isOne = labels.length === 1;
  return new UsageError(
    `Cannot run without ${listed(labels)}: ${isOne ? "it" : "they"} must be given`,
    { hint: isOne ? lacking[0]![1].description : `${taskName} --help tells of each` },
  );
}

/**
 * The values of what a program passed, defaults filled in.
 *
 * @throws {UsageError} on a value out of its range, one that is missing, or one that is not declared
 */
export function argsFromValues(shape: ArgsShape, given: ArgValues, cwd: string): ArgValues {
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(shape, key)) {
      throw new UsageError(`Cannot pass "${key}": the task has no such argument`);
    }
  }
  const values: Record<string, unknown> = {};
  for (const [key, declared] of Object.entries(shape)) {
    const place: ArgPlace = { label: key, cwd };
    const passed = given[key];
    if (passed !== undefined) values[key] = declared.check(passed, place);
    else if (declared.default !== undefined) values[key] = declared.check(declared.default, place);
    else if (declared.presence === "required") throw missing([[key, declared]], "");
  }
  return values;
}
