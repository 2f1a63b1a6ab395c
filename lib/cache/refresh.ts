import { UsageError } from "../base/errors.ts";

/**
 * What must be asked again although it is in the cache: nothing, everything, or what the names name (a task, a URL, a
 * reference). Refreshing revalidates; it never deletes.
 */
export type Refresh = "none" | "all" | readonly string[];

/** Whether a refresh covers something that goes by any of these names. */
export function refreshes(refresh: Refresh, ...names: readonly string[]): boolean {
  if (typeof refresh === "string") return refresh === "all";
  return names.some((name) => refresh.includes(name));
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
