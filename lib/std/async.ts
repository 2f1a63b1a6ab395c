/** The typed doorway to `@std/async`. @module */
import * as abort from "deno-std/async/abortable.js";
import * as waiting from "deno-std/async/delay.js";
import * as pool from "deno-std/async/pool.js";

/** Waits; an abort ends the wait with the signal's reason. */
export const delay: (
  ms: number,
  options?: { signal?: AbortSignal; persistent?: boolean },
) => Promise<void> = waiting.delay;
/** Maps an iterable with at most so many under way; results keep their order. */
export const pooledMap: <T, R>(
  limit: number,
  items: Iterable<T> | AsyncIterable<T>,
  map: (item: T) => Promise<R>,
) => AsyncIterableIterator<R> = pool.pooledMap;
/** Lets a promise be abandoned by a signal. */
export const abortable: <T>(promise: Promise<T>, signal: AbortSignal) => Promise<T> =
  abort.abortable;
