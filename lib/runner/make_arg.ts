/**
 * How an argument of any kind is made.
 *
 * @module
 */
import { defined } from "../base/defined.ts";
import { UsageError } from "../base/errors.ts";
import type { Arg, ArgPlace } from "./arg.ts";
import type { ArgKind, ArgOptions, ArgPresence } from "./arg_options.ts";

/** What is said of an argument of any kind. */
export interface CommonArgOptions<T> extends Partial<ArgOptions> {
  required?: boolean;
  default?: T | undefined;
}

/** What makes a kind of argument: its name, and how its values are read and checked. */
export interface ArgRules<T> {
  kind: ArgKind;
  item?: ArgKind;
  placeholder: string;
  values?: readonly string[];
  range?: string | undefined;
  parse(text: string, place: ArgPlace): T;
  check(value: unknown, place: ArgPlace): T;
}

/** An argument of a kind. */
export function makeArg<T>(options: CommonArgOptions<T>, rules: ArgRules<T>): Arg<T> {
  const { description = "", positional = false, env, example, placeholder, group, defaultText } =
    options;
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
    ...defined({
      default: options.default,
      env,
      example,
      group,
      defaultText,
      item: rules.item,
      values: rules.values,
      range: rules.range,
    }),
    parse: rules.parse,
    check: rules.check,
  };
}

/** Says that a value cannot be used for an argument. */
export function refuse(place: ArgPlace, value: unknown, state: string, hint?: string): never {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  throw new UsageError(
    `Cannot use ${shown} for ${place.label}: ${state}`,
    hint === undefined ? {} : { hint },
  );
}
