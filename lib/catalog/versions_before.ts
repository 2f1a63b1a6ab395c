import type { HistoryLine } from "./catalog.ts";

/**
 * What to go back to from the current version, nearest first. A rollback undoes what came after the version that it went to: going
 * back again goes back further, never to what was left.
 *
 * @param history the moves of one pointer, newest first
 * @returns versions, none of them twice; such that were forgotten since are among them
 */
export function versionsBefore(history: readonly HistoryLine[], current: string): string[] {
  const moved: string[] = [];
  for (const { version, action } of history.toReversed()) {
    const standing = action === "rollback" ? moved.lastIndexOf(version) : -1;
    if (standing >= 0) moved.length = standing;
    moved.push(version);
  }
  const before = new Set(moved.reverse());
  before.delete(current);
  return [...before];
}
