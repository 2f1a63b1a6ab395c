import { delay } from "@std/async";
import { defined } from "../base/defined.ts";
import { KedgeError, TimedOutError } from "../base/errors.ts";
import type { FileLock } from "../base/file_lock.ts";
import { isDenied } from "../base/files.ts";
import type { Cache } from "./cache.ts";

/** Options of {@linkcode lockExclusively}. */
export interface LockExclusivelyOptions {
  /** Go on without the lock where others use the cache. @default {false} */
  force?: boolean | undefined;
  /** Told when others use the cache: what is done about it. */
  onBusy?: ((message: string) => void) | undefined;
  /** Ends the wait. */
  signal?: AbortSignal | undefined;
}

const lookEveryMs = 100;

/**
 * The lock of the whole cache, for removing things. `undefined` where `force` went on without it. Who took something out of the cache
 * uses it until he ends, though he holds no lock: his leases are waited for too, and nobody takes any while this lock is held.
 *
 * @throws {TimedOutError} if others used the cache for longer than the lock's timeout
 * @throws {KedgeError} if this user may not write to the cache, or, without `force`, may not read who uses it
 */
export async function lockExclusively(
  cache: Cache,
  options: LockExclusivelyOptions = {},
): Promise<Disposable | undefined> {
  const { force, onBusy, signal } = options;
  const root = await cache.tryLockRoot();
  const free = root && await withoutLeases(cache, root, options);
  if (free !== undefined) return free;
  if (force) {
    onBusy?.("the cache is in use; going on since force was asked for");
    return undefined;
  }
  onBusy?.("the cache is in use; waiting for the others to finish");
  const deadline = performance.now() + cache.lockTimeoutMs;
  for (;;) {
    const timeoutMs = Math.max(0, deadline - performance.now());
    const lock = await cache.lockRoot({ timeoutMs, ...defined({ signal }) }).catch((error) => {
      throw error instanceof TimedOutError
        ? stillInUse(cache, `held "${cache.rootLockPath}"`)
        : error;
    });
    const alone = await withoutLeases(cache, lock, options);
    if (alone !== undefined) return alone;
    if (performance.now() >= deadline) throw stillInUse(cache, "used what is in it");
    await delay(lookEveryMs, defined({ signal }));
  }
}

/** Adds the lock under which leases are taken to that of the root; where others lease something, lets both go. */
async function withoutLeases(
  cache: Cache,
  root: FileLock,
  { force = false, signal }: LockExclusivelyOptions,
): Promise<Disposable | undefined> {
  using held = new DisposableStack();
  held.use(root);
  held.use(await cache.leases.lock(signal));
  try {
    return await cache.leases.othersHold() ? undefined : held.move();
  } catch (cause) {
    if (!isDenied(cause)) throw cause;
    if (force) return undefined;
    throw new KedgeError(
      `Cannot empty the cache "${cache.dir}": ${(cause as Error).message}`,
      {
        cause,
        hint:
          "kedge cannot find out who uses the cache: make it readable, or continue with --force",
      },
    );
  }
}

function stillInUse({ dir, lockTimeoutMs }: Cache, how: string): TimedOutError {
  return new TimedOutError(
    `Cannot empty the cache "${dir}": another process ${how} for ${lockTimeoutMs} ms`,
    {
      hint: "wait for the other process, raise KEDGE_LOCK_TIMEOUT (seconds), or go on with --force",
    },
  );
}
