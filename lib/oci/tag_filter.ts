import { satisfies, tryParse, tryParseRange } from "@std/semver";
import { UsageError } from "../base/errors.ts";

const semverPrefix = "semver:";

/**
 * Reads a choice of tags: a regular expression that the whole tag must match, or `semver:` and a range such as `>=1.2 <2`; a `v` before
 * a version is passed over.
 *
 * @throws {UsageError} if it is neither
 */
export function parseTagFilter(text: string): (tag: string) => boolean {
  if (text.startsWith(semverPrefix)) {
    const range = tryParseRange(text.slice(semverPrefix.length));
    if (range === undefined) throw refused(text, "it is no range of versions");
    return (tag) => {
      const version = tryParse(tag.replace(/^v/, ""));
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

function refused(text: string, state: string): UsageError {
  return new UsageError(`Cannot choose tags by ${JSON.stringify(text)}: ${state}`, {
    hint: 'write a regular expression, or "semver:>=1.2 <2"',
  });
}
