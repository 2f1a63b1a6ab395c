/**
 * Versions of programs: numbers with dots, of any count.
 *
 * @module
 */
import { compareVersions } from "../base/compare_versions.ts";
import { UsageError } from "../base/errors.ts";

/** The first version in what a program prints. */
export function versionIn(text: string): string | undefined {
  return /\d+(?:\.\d+)+|\d+/.exec(text)?.[0];
}

/**
 * Whether a version meets every part of a range such as `>=2.8`, `>=2.8 <3` or `2.8` (which every `2.8.x` meets).
 *
 * @throws {UsageError} if the range cannot be read
 */
export function versionMeets(version: string, range: string): boolean {
  const parts = range.trim().split(/\s+(?=[<>=\d])/);
  return parts.every((part) => {
    const match = /^(>=|<=|>|<|=)?\s*v?(\d+(?:\.\d+)*)$/.exec(part);
    if (match === null) {
      throw new UsageError(`Cannot read the version range ${JSON.stringify(range)}`, {
        hint: "write a range as >=2.8, or >=2.8 <3",
      });
    }
    const [, operator = "=", wanted] = match;
    const order = compareVersions(version, wanted!);
    if (operator === ">=") return order >= 0;
    if (operator === "<=") return order <= 0;
    if (operator === ">") return order > 0;
    if (operator === "<") return order < 0;
    return `${version}.`.startsWith(`${wanted}.`);
  });
}
