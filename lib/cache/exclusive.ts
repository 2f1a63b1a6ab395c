import { type FileLock, tryLockFile } from "../base/file_lock.ts";
import type { Cache } from "./cache.ts";

/** Options of {@linkcode lockExclusively}. */
export interface LockExclusivelyOptions {
  /** Go on without the lock where others use the cache. @default {false} */
  force?: boolean;
  /** Told when others use the cache: what is done about it. */
  onBusy?: (message: string) => void;
  /** Ends the wait. */
  signal?: AbortSignal;
}

/**
 * The lock of the whole cache, for removing things. `undefined` where `force` went on without it.
 *
 * @throws {TimedOutError} if others used the cache for longer than the lock's timeout
 */
export async function lockExclusively(
  cache: Cache,
  options: LockExclusivelyOptions = {},
): Promise<FileLock | undefined> {
  const free = await tryLockFile(cache.rootLockPath);
  if (free !== undefined) return free;
  if (options.force) {
    options.onBusy?.("the cache is in use; going on since force was asked for");
    return undefined;
  }
  options.onBusy?.("the cache is in use; waiting for the others to finish");
  return await cache.lockRoot(options.signal === undefined ? {} : { signal: options.signal });
}
