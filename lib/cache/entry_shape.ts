/**
 * Checks what pointers hold, by hand: every task that finds its work done reads pointers first, and would wait for a library of
 * schemas to load.
 *
 * @module
 */
import type { EntrySchema } from "./entry_schema.ts";
import { isDigest } from "../base/digest_text.ts";

/** Whether a field holds what it must. */
export type FieldCheck = (value: unknown) => boolean;

/** What the fields of an object must hold; others may stand beside them. */
export interface Shape {
  /** Those that must be there. */
  readonly required: Readonly<Record<string, FieldCheck>>;
  /** Those that may be left out. */
  readonly optional?: Readonly<Record<string, FieldCheck>>;
}

/** Whether a value is a text. */
export const isText: FieldCheck = (value) => typeof value === "string";
/** Whether a value is a number, and one that JSON knows. */
export const isNumber: FieldCheck = (value) => Number.isFinite(value);
/** Whether a value is a number of bytes. */
export const isSize: FieldCheck = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
/** Whether a value is true or false. */
export const isSwitch: FieldCheck = (value) => typeof value === "boolean";
/** Whether a value is a digest. */
export const isDigestText: FieldCheck = (value) => typeof value === "string" && isDigest(value);
/** Whether a value is a time as JavaScript writes it. */
export const isTime: FieldCheck = (value) =>
  typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value) && !Number.isNaN(Date.parse(value));
/** Whether a value is a list of which each item passes. */
export const isListOf = (check: FieldCheck): FieldCheck => (value) =>
  Array.isArray(value) && value.every(check);
/** Whether a value is an object of a shape. */
export const isShaped = (shape: Shape): FieldCheck => (value) => misfit(value, shape) === undefined;

/** What keeps data from being of a shape; `undefined` where nothing does. */
export function misfit(data: unknown, { required, optional = {} }: Shape): string | undefined {
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    return "it is not an object";
  }
  const fields = data as Readonly<Record<string, unknown>>;
  for (const [name, check] of Object.entries(required)) {
    if (!check(fields[name])) return `its field "${name}" is missing or of another form`;
  }
  for (const [name, check] of Object.entries(optional)) {
    if (fields[name] !== undefined && !check(fields[name])) {
      return `its field "${name}" is of another form`;
    }
  }
  return undefined;
}

/** The schema of pointers of a shape. */
export function entrySchema<T>(shape: Shape): EntrySchema<T> {
  return {
    "~standard": {
      validate: (data) => {
        const message = misfit(data, shape);
        return message === undefined ? { value: data as T } : { issues: [{ message }] };
      },
    },
  };
}
