import { refusedOption } from "../base/check_options.ts";
import type { BundleContents, BundlePart } from "./bundle_contents.ts";

/** How one file of a bundle differs from the earlier version. */
export interface PartDifference {
  /** Its path in the tarball. */
  path: string;
  /** What became of it. */
  state: "same" | "changed" | "added" | "removed";
  /** Its size before, in bytes; 0 if it was not there. */
  sizeBefore: number;
  /** Its size after, in bytes; 0 if it is gone. */
  sizeAfter: number;
}

/** How two bundles differ. */
export interface BundleDifference {
  /** Every file of either, by path. */
  parts: readonly PartDifference[];
  /** Bytes of the second bundle's files that are new or changed. */
  bytesChanged: number;
  /** Bytes of the second bundle's files that are unchanged. */
  bytesSame: number;
  /** The kernel versions, where both are known and differ. */
  kernel?: { before: string; after: string };
}

/**
 * Compares two bundles, file by file, in bytes. A file is the `same` if all of its bytes are.
 *
 * @throws {UsageError} if one of them is not what `checkBundle()` gives
 *
 * @example
 * ```ts
 * import { checkBundle, diffBundles } from "@kedge/kedge";
 *
 * export async function changes(before: string, after: string): Promise<string[]> {
 *   const { parts } = diffBundles(await checkBundle(before), await checkBundle(after));
 *   return parts.filter(({ state }) => state !== "same").map(({ path, state }) => `${path}: ${state}`);
 * }
 * ```
 */
export function diffBundles(before: BundleContents, after: BundleContents): BundleDifference {
  for (const [name, contents] of Object.entries({ before, after })) {
    if (Array.isArray(contents?.parts)) continue;
    throw refusedOption(name, contents, "the contents of a bundle, as checkBundle() gives them");
  }
  const old = new Map(before.parts.map((part) => [part.path, part]));
  const now = new Map(after.parts.map((part) => [part.path, part]));
  const paths = [...new Set([...old.keys(), ...now.keys()])].sort();
  const parts = paths.map((path) => difference(path, old.get(path), now.get(path)));
  const sum = (states: readonly string[]) =>
    parts.reduce((total, part) => states.includes(part.state) ? total + part.sizeAfter : total, 0);
  const { kernelVersion: was } = before;
  const { kernelVersion: is } = after;
  return {
    parts,
    bytesChanged: sum(["changed", "added"]),
    bytesSame: sum(["same"]),
    ...(was === undefined || is === undefined || was === is
      ? {}
      : { kernel: { before: was, after: is } }),
  };
}

function difference(
  path: string,
  before: BundlePart | undefined,
  after: BundlePart | undefined,
): PartDifference {
  const state = before === undefined
    ? "added"
    : after === undefined
    ? "removed"
    : before.digest === after.digest && before.isExecutable === after.isExecutable
    ? "same"
    : "changed";
  return { path, state, sizeBefore: before?.size ?? 0, sizeAfter: after?.size ?? 0 };
}
