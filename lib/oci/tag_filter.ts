import { satisfies, tryParse, tryParseRange } from "@std/semver";
import { UsageError } from "../base/errors.ts";

const semverPrefix = "semver:";

/**
 * Reads a choice of tags: a regular expression that the whole tag must match, or `semver:` and a range.
 *
 * A range is one of `@std/semver` (`1.2`, `1.x`, `~1.2`, `^1.2`, `>=1.2 <2`, `1.2 - 1.4`, alternatives after `||`), its comparators
 * parted by spaces or commas. A tag is a version with or without a `v`; numbers that it lacks are 0, and zeros before a number do not
 * count, so that `24.04` is one as well. A prerelease, which `1.3.0-rc.1` and `1.3-alpine` are, lies in a range only where that names
 * a prerelease of 1.3.0.
 *
 * @throws {UsageError} if it is neither
 */
export function parseTagFilter(text: string): (tag: string) => boolean {
  if (text.startsWith(semverPrefix)) {
    const range = parseRange(text.slice(semverPrefix.length));
    if (range === undefined) throw refused(text, "it is not a range of versions");
    return (tag) => {
      const version = tryParse(wholeVersion(tag));
      return version !== undefined && satisfies(version, range);
    };
  }
  let pattern: RegExp;
  try {
    pattern = new RegExp(`^(?:${text})$`, "u");
  } catch (error) {
    throw refused(text, (error as Error).message);
  }
  return (tag) => pattern.test(tag);
}

/** An empty range, or alternative, would be any version, which nobody means. */
function parseRange(text: string): ReturnType<typeof tryParseRange> {
  if (text.split("||").some((range) => range.trim() === "")) return undefined;
  const parted = text.replaceAll(/\s*,\s*/g, " ");
  return tryParseRange(parted.replaceAll(/(?<![-+.\w])(v?)(\d[\d.]*)/g, (_, v, numbers) => {
    return v + withoutZeros(numbers);
  }));
}

/** A tag with the numbers that it lacks. */
function wholeVersion(tag: string): string {
  const match = /^v?(\d+(?:\.\d+){0,2})(?![.\d])(.*)$/s.exec(tag);
  if (match === null) return tag;
  const numbers = withoutZeros(match[1]!).split(".");
  while (numbers.length < 3) numbers.push("0");
  return numbers.join(".") + match[2]!;
}

function withoutZeros(numbers: string): string {
  return numbers.replaceAll(/\b0+(?=\d)/g, "");
}

function refused(text: string, state: string): UsageError {
  return new UsageError(`Cannot choose tags by ${JSON.stringify(text)}: ${state}`, {
    hint: 'write a regular expression, or a range such as "semver:>=1.2 <2" or "semver:^1.2"',
  });
}
