/**
 * Why a name explains nothing, and what may have been meant.
 *
 * @module
 */
import { levenshteinDistance } from "@std/text";
import type { Digest } from "../base/digest.ts";
import { KedgeError } from "../base/errors.ts";
import { fewestDigits } from "./digest_prefix.ts";

const mostShown = 10;
const mostNear = 3;

/** Several digests begin with the name. */
export function ambiguous(
  name: string,
  digests: readonly Digest[],
  users: ReadonlyMap<Digest, readonly string[]>,
): KedgeError {
  const candidates = digests.map((digest) => ({ digest, keys: users.get(digest) ?? [] }));
  const shown = candidates.slice(0, mostShown).map(({ digest, keys }) => {
    const [first, ...others] = keys;
    const more = others.length === 0 ? "" : ` and ${others.length} more`;
    return `${digest} (${first === undefined ? "of no entry" : `of ${first}${more}`})`;
  });
  const rest = candidates.length - shown.length;
  return new KedgeError(
    `Cannot explain ${JSON.stringify(name)}: ${digests.length} digests begin with it`,
    {
      hint: `give more digits: ${shown.join(", ")}${rest === 0 ? "" : `, and ${rest} more`}`,
      data: { candidates },
    },
  );
}

/** What the name means is there, but of no entry. */
export function unreferenced(name: string, digest: Digest): KedgeError {
  return new KedgeError(`Cannot explain ${JSON.stringify(name)}: no entry refers to ${digest}`, {
    hint: "cache:prune removes it once no process uses it",
    data: { digest },
  });
}

/** Nothing goes by the name. */
export function nothingOf(
  name: string,
  keys: readonly string[],
  digests: readonly Digest[],
): KedgeError {
  const short = /^(?:sha256:)?([0-9a-f]+)$/i.exec(name)?.[1] ?? "";
  const isTooShort = short.length > 0 && short.length < fewestDigits;
  const near = isTooShort ? [] : nearKeys(name, keys).concat(nearDigests(name, digests));
  const hint = isTooShort
    ? `a shortened digest has ${fewestDigits} hexadecimal digits at least`
    : near.length === 0
    ? "cache:ls lists what is there"
    : `near to it ${near.length === 1 ? "is" : "are"} ${near.join(", ")}`;
  return new KedgeError(
    `Cannot explain ${JSON.stringify(name)}: the cache has no entry of that name`,
    { hint, data: { near } },
  );
}

/** The keys of which the whole, or what follows the last slash, is nearly the name. */
function nearKeys(name: string, keys: readonly string[]): string[] {
  const word = name.toLowerCase();
  return nearest(keys, (key) => {
    const text = key.toLowerCase();
    const last = text.slice(text.lastIndexOf("/") + 1);
    return Math.min(editsBetween(word, text), editsBetween(word, last));
  });
}

/** The digests of which the beginning is nearly the name. */
function nearDigests(name: string, digests: readonly Digest[]): string[] {
  const hex = name.toLowerCase().replace(/^sha256:/, "");
  if (!/^[0-9a-z]{6,80}$/.test(hex)) return [];
  return nearest(digests, (digest) => editsBetween(hex, digest.slice(7, 7 + hex.length)));
}

function nearest(candidates: readonly string[], edits: (candidate: string) => number): string[] {
  return [...new Set(candidates)].map((candidate) => ({ candidate, edits: edits(candidate) }))
    .filter((each) => each.edits < Infinity).sort((a, b) => a.edits - b.edits)
    .slice(0, mostNear).map(({ candidate }) => candidate);
}

/** How many letters differ; infinitely many where it is more than a slip or two. */
function editsBetween(word: string, text: string): number {
  const most = Math.max(1, Math.min(4, Math.floor(word.length / 4)));
  if (Math.abs(word.length - text.length) > most) return Infinity;
  const edits = levenshteinDistance(word, text);
  return edits <= most ? edits : Infinity;
}
