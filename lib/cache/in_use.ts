/**
 * Whether others use a cache, for dry runs: nothing is made for that, and no lock is kept.
 *
 * @module
 */
import { isLockHeld } from "../base/file_lock.ts";
import { isDenied, isReadOnly } from "../base/files.ts";
import type { Cache } from "./cache.ts";

/** Whether the lock of the whole cache is held, where this user can tell. */
export function isRootHeld(cache: Cache): boolean {
  try {
    return isLockHeld(cache.rootLockPath);
  } catch (error) {
    if (!isReadOnly(error)) throw error;
    return false;
  }
}

/** Whether who removes things would find that others use the cache, or may not know it. */
export async function isInUse(cache: Cache): Promise<boolean> {
  try {
    return isRootHeld(cache) || await cache.leases.othersHold();
  } catch (error) {
    if (!isDenied(error)) throw error;
    return true;
  }
}
