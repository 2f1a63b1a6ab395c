import { UsageError } from "../base/errors.ts";
import type { Arg } from "./arg.ts";
import { argLabel, type ArgValues } from "./resolve_args.ts";
import type { AnyTask } from "./task.ts";

/**
 * What a usage error says, with the flag whose value it refuses: a task function knows nothing of flags. Where no flag has such a value,
 * or more than one, and where the flag is named already, it stays as it is.
 */
export function nameFlag(message: string, error: unknown, task: AnyTask, args: ArgValues): string {
  if (!(error instanceof UsageError)) return message;
  const given = Object.entries(task.args)
    .filter(([key, declared]) => !declared.positional && args[key] !== declared.default);
  return withValue(withSwitches(message, given, args), given, args);
}

type Given = readonly (readonly [key: string, declared: Arg])[];

/** The switches that are named as a program calls them, outside of quotes. */
function withSwitches(message: string, given: Given, args: ArgValues): string {
  return given.reduce((words, [key, declared]) => {
    // A key of one word may be a word of the message.
    if (typeof args[key] !== "boolean" || !/[A-Z]/.test(key)) return words;
    const found = new RegExp(`("(?:[^"\\\\]|\\\\.)*")|\\b${key}\\b`, "g");
    return words.replace(found, (_, quoted?: string) => quoted ?? argLabel(key, declared));
  }, message);
}

function withValue(message: string, given: Given, args: ArgValues): string {
  const found = new Map<string, (label: string) => string>();
  for (const [key, declared] of given) {
    for (const value of [args[key]].flat()) {
      const named = naming(message, value);
      if (named !== undefined) found.set(argLabel(key, declared), named);
    }
  }
  const [[label, named] = ["", undefined], ...more] = found;
  if (more.length > 0 || named === undefined || message.includes(label)) return message;
  return named(label);
}

/** How the flag of a value is named in a message; `undefined` where that does not tell the value. */
function naming(message: string, value: unknown): ((label: string) => string) | undefined {
  if (typeof value === "string") {
    const quoted = JSON.stringify(value);
    if (!message.includes(quoted)) return undefined;
    return (label) => message.replace(quoted, () => `${quoted} of ${label}`);
  }
  if (typeof value !== "number") return undefined;
  // Behind the colon stands what may be given.
  const end = message.indexOf(": ");
  if (end < 0 || !message.slice(0, end).split(/[\s"]+/).includes(String(value))) return undefined;
  return (label) => `${message.slice(0, end)} (${label})${message.slice(end)}`;
}
