/** The typed doorway to `@std/async/pool`. @module */
import { pooledMap as pooled } from "deno-std/async/pool.js";

/** Maps an iterable with at most so many under way; results keep their order. */
export const pooledMap: <T, R>(
  limit: number,
  items: Iterable<T> | AsyncIterable<T>,
  map: (item: T) => Promise<R>,
) => AsyncIterableIterator<R> = pooled;
