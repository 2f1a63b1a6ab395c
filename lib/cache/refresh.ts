import { isAbsolute, resolve } from "@std/path";
import { UsageError } from "../base/errors.ts";

/**
 * What must be asked again although it is in the cache: nothing, everything, or what the names name (a task, a URL, a
 * reference, the path under which something lies in the cache). Refreshing revalidates; it never deletes.
 */
export type Refresh = "none" | "all" | readonly string[];

/** Which names of a list covered something. */
const useful = new WeakMap<readonly string[], Set<string>>();
/** By what names things went that a list was asked about. */
const offered = new WeakMap<readonly string[], Set<string>>();

/** Whether a refresh covers something that goes by any of these names; one that is an absolute path goes by every path to the same file. */
export function refreshes(refresh: Refresh, ...names: readonly string[]): boolean {
  if (typeof refresh === "string") return refresh === "all";
  const there = offered.get(refresh) ?? new Set();
  for (const name of names) there.add(name);
  offered.set(refresh, there);
  const covering = refresh.filter((given) => names.some((name) => isNameOf(given, name)));
  if (covering.length === 0) return false;
  useful.set(refresh, (useful.get(refresh) ?? new Set()).union(new Set(covering)));
  return true;
}

function isNameOf(given: string, name: string): boolean {
  if (given === name) return true;
  // An absolute path of Windows is read as a URL too.
  const isPath = isAbsolute(given) || /[\\/]/.test(given) && !URL.canParse(given);
  return isPath && isAbsolute(name) && realPath(given) === realPath(name);
}

/** The path without links; as it is where there is nothing. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return resolve(path);
  }
}

/** The names that covered nothing so far. */
export function idleNames(refresh: Refresh): readonly string[] {
  if (typeof refresh === "string") return [];
  return refresh.filter((name) => !useful.get(refresh)?.has(name));
}

/** The names by which it could have covered something so far. */
export function offeredNames(refresh: Refresh): readonly string[] {
  return typeof refresh === "string" ? [] : [...offered.get(refresh) ?? []];
}

/**
 * Refuses what cannot both be: no network, and asking again.
 *
 * @throws {UsageError} if both are wanted
 */
export function checkRefresh(refresh: Refresh, offline: boolean): void {
  if (offline && refresh !== "none") {
    throw new UsageError("Cannot refresh offline: --refresh asks remotes, --offline forbids it", {
      hint: "leave out one of the two",
    });
  }
}
