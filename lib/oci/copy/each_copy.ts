import type { ImageDestination, ImageSource } from "../image_store.ts";
import type { Limit } from "../../http/pace.ts";
import { pooled } from "../pooled.ts";

/** How many images of a list are under way at a time, where the registries take as many. */
const imagesAtOnce = 8;

/**
 * Does something for each of several copies, so many at a time as each registry takes requests. Those that are under way share what it
 * takes among them, so that a list asks for no more at a time than one image does.
 *
 * @param onFailure told of the copy that failed, and not of those that were ended for its sake
 */
export async function eachCopy<
  T extends { source: Pick<ImageSource, "limit">; destination: Pick<ImageDestination, "limit"> },
>(
  copies: readonly T[],
  signal: AbortSignal,
  run: (copy: T, signal: AbortSignal) => Promise<void>,
  onFailure: (copy: T, error: unknown) => void = () => {},
): Promise<void> {
  const left = new Map<Limit, number>();
  const limits = new Map(copies.map((copy) => [copy, limitsOf(copy)]));
  const count = (copy: T, by: number) => {
    for (const limit of limits.get(copy)!) left.set(limit, (left.get(limit) ?? 0) + by);
  };
  for (const copy of copies) count(copy, 1);
  using shares = new DisposableStack();
  for (const limit of left.keys()) {
    shares.use(limit.share?.(() => Math.min(imagesAtOnce, left.get(limit)!)));
  }
  const atOnce: Limit = {
    get now() {
      return Math.min(imagesAtOnce, ...left.keys().map(({ now, whole = now }) => whole));
    },
  };
  await pooled(copies, atOnce, signal, async (copy, inner) => {
    try {
      await run(copy, inner);
    } catch (error) {
      if (!inner.aborted) onFailure(copy, error);
      throw error;
    } finally {
      count(copy, -1);
    }
  });
}

/** The limits of a copy; that of a registry which is both sides is one. */
function limitsOf(
  { source, destination }: { source: { limit: Limit }; destination: { limit: Limit } },
): Limit[] {
  return [...new Set([source.limit, destination.limit])];
}
