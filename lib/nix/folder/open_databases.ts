/**
 * The databases that this process has open.
 *
 * Invariant: to close another handle of such a file would let go of all locks that SQLite holds on it for this process, as POSIX has it.
 *
 * @module
 */
import { lookAt } from "../../base/files.ts";

const open = new Map<string, number>();

/** Notes that a database is open until what this gives is disposed of. */
export function noteOpen(path: string): Disposable {
  const key = keyOf(path);
  open.set(key, (open.get(key) ?? 0) + 1);
  return {
    [Symbol.dispose]() {
      const left = open.get(key)! - 1;
      if (left === 0) open.delete(key);
      else open.set(key, left);
    },
  };
}

/** Whether this process has a database open, by whatever name. */
export function isOpenHere(path: string): boolean {
  return open.has(keyOf(path));
}

function keyOf(path: string): string {
  const { dev, ino } = lookAt(path) ?? {};
  return ino === null || ino === undefined ? path : `${dev}-${ino}`;
}
