import type { FileLock } from "../base/file_lock.ts";

/** A share in the use of the cache, until it is disposed of. */
export class CacheUse implements Disposable {
  #release: (() => void) | undefined;

  /** Calls back once when it is disposed of. */
  constructor(release: () => void) {
    this.#release = release;
  }

  /** Ends the share. */
  [Symbol.dispose](): void {
    this.#release?.();
    this.#release = undefined;
  }
}

/**
 * One lock for several holders: taken for the first of them, let go with the last. Who gives up while it is waited for leaves the others
 * waiting; with the last of them the wait ends.
 */
export class SharedLock {
  #holders = 0;
  #left = new AbortController();
  #onLeft: () => void;
  #taking: Promise<void>;
  #lock: FileLock | undefined;

  /** Begins to wait for the lock; `onLeft` is told when nobody holds it any more. */
  constructor(take: (signal: AbortSignal) => Promise<FileLock>, onLeft: () => void) {
    this.#onLeft = onLeft;
    this.#taking = this.#take(take);
    this.#taking.catch(() => {}); // Whoever waits is told; nobody may.
  }

  /** Comes back once the lock is there. */
  async hold(signal?: AbortSignal): Promise<CacheUse> {
    this.#holders++;
    try {
      await unlessAborted(this.#taking, signal);
      return new CacheUse(() => this.#leave());
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  async #take(take: (signal: AbortSignal) => Promise<FileLock>): Promise<void> {
    this.#lock = await take(this.#left.signal);
    if (this.#left.signal.aborted) this.#lock[Symbol.dispose]();
  }

  #leave(): void {
    if (--this.#holders > 0) return;
    this.#left.abort();
    this.#onLeft();
    this.#lock?.[Symbol.dispose]();
  }
}

async function unlessAborted(
  taking: Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal === undefined) return await taking;
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    await Promise.race([taking, promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
