/**
 * Does something for each item, at most so many at a time. The first failure ends the others by their signal, and is thrown once all
 * of them are at rest.
 */
export async function pooled<T>(
  items: Iterable<T>,
  limit: number,
  signal: AbortSignal,
  run: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const inner = AbortSignal.any([signal, controller.signal]);
  const iterator = items[Symbol.iterator]();
  let failed = false;
  let failure: unknown;
  const work = async () => {
    while (!inner.aborted) {
      const { done, value } = iterator.next();
      if (done) return;
      try {
        await run(value, inner);
      } catch (error) {
        if (!failed) {
          failed = true;
          failure = error;
          controller.abort(error);
        }
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, limit) }, work));
  signal.throwIfAborted();
  if (failed) throw failure;
}
