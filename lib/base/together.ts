/**
 * Does several works at once. The first that fails ends the others, and is told after they have ended.
 *
 * @param works each is given the signal that ends it
 * @returns what each of them gave, in their order
 */
export async function together<T extends readonly unknown[]>(
  works: { [K in keyof T]: (signal: AbortSignal) => Promise<T[K]> },
  signal: AbortSignal,
): Promise<T> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const begun = works.map((work) => work(either));
  try {
    return await Promise.all(begun) as unknown as T;
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(begun);
    throw error;
  }
}
