import type { Limit } from "../http/pace.ts";

/**
 * Does something for each item, at most so many at a time; the limit may move meanwhile. The first failure ends the others by their
 * signal, and is thrown once all of them are at rest.
 */
export async function pooled<T>(
  items: Iterable<T>,
  limit: Limit,
  signal: AbortSignal,
  run: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const inner = AbortSignal.any([signal, controller.signal]);
  const iterator = items[Symbol.iterator]();
  const underWay = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  let more = true;
  while (more || underWay.size > 0) {
    while (more && !inner.aborted && underWay.size < Math.max(1, limit.now)) {
      const { done, value } = iterator.next();
      if (done) {
        more = false;
        break;
      }
      const running: Promise<void> = run(value, inner).catch((error) => {
        failure ??= { error };
        controller.abort(error);
      }).finally(() => underWay.delete(running));
      underWay.add(running);
    }
    if (inner.aborted) more = false;
    if (underWay.size > 0) await Promise.race([...underWay, ...more ? raised(limit) : []]);
  }
  signal.throwIfAborted();
  if (failure !== undefined) throw failure.error;
}

/** What tells that more may be begun though nothing came to its end. */
function raised(limit: Limit): Promise<void>[] {
  const promise = limit.raised;
  return promise === undefined ? [] : [promise];
}
