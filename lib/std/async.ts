/** The typed doorway to `@std/async`. @module */
import * as async from "deno-std/async/mod.js";

/** Waits; an abort ends the wait with the signal's reason. */
export const delay: (
  ms: number,
  options?: { signal?: AbortSignal; persistent?: boolean },
) => Promise<void> = async.delay;
/** Maps an iterable with at most so many under way; results keep their order. */
export const pooledMap: <T, R>(
  limit: number,
  items: Iterable<T> | AsyncIterable<T>,
  map: (item: T) => Promise<R>,
) => AsyncIterableIterator<R> = async.pooledMap;
/** Lets a promise be abandoned by a signal. */
export const abortable: <T>(promise: Promise<T>, signal: AbortSignal) => Promise<T> =
  async.abortable;
