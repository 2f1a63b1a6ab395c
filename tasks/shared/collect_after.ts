import type { TaskContext } from "../../lib/runner/context.ts";
import { cacheWarner } from "./cache_warner.ts";

/**
 * Collects what the cache need not keep, after work that changed something: at most once a day, if nobody else uses the cache, and never
 * offline. What was done is done, whether or not that succeeds.
 */
export async function collectAfter(context: TaskContext): Promise<void> {
  const { cache, signal, dryRun, offline } = context;
  if (dryRun || offline) return;
  const { collectDaily } = await import("../../lib/cache/collect_daily.ts");
  try {
    await collectDaily(cache, { signal });
  } catch (error) {
    cacheWarner(context)(`Cannot collect what is not needed: ${(error as Error).message}`);
  }
}
