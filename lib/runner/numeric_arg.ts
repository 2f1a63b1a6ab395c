/**
 * The arguments that are numbers: plain ones, times and sizes.
 *
 * @module
 */
import { formatBytes, parseBytes } from "../base/bytes.ts";
import { formatDuration, parseDuration } from "../base/duration.ts";
import { UsageError } from "../base/errors.ts";
import type { Arg, ArgPlace } from "./arg.ts";
import type { BytesArgOptions, DurationArgOptions, NumberArgOptions } from "./arg_options.ts";
import { type CommonArgOptions, makeArg, refuse } from "./make_arg.ts";

interface NumberRules {
  kind: "number" | "duration" | "bytes";
  placeholder: string;
  integer?: boolean | undefined;
  min?: number | undefined;
  max?: number | undefined;
  read(text: string, place: ArgPlace): number;
  show(value: number): string;
}

function numericArg(options: CommonArgOptions<number>, rules: NumberRules): Arg<number> {
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
  return makeArg(options, {
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

/** A plain number. */
export function numberArg(options: CommonArgOptions<number> & NumberArgOptions): Arg<number> {
  const { integer, min, max } = options;
  return numericArg(options, {
    kind: "number",
    placeholder: "N",
    integer,
    min,
    max,
    read: readNumber,
    show: String,
  });
}

/** A time in milliseconds. */
export function durationArg(
  options: CommonArgOptions<number | string> & DurationArgOptions,
): Arg<number> {
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

/** A size in bytes. */
export function bytesArg(
  options: CommonArgOptions<number | string> & BytesArgOptions,
): Arg<number> {
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
