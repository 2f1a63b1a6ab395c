import { cleanCache } from "../lib/cache/clean.ts";
import { describeRemoval } from "../lib/cache/describe_removal.ts";
import { resolveContext, type TaskContextOptions } from "../lib/runner/context.ts";
import type { CacheCleanOptions, CacheCleanResult } from "./cache.ts";
import { cacheWarner, warnOfDenied } from "./cache_warner.ts";

/** Does the work of `cacheClean`. */
export async function runCacheClean(
  options: CacheCleanOptions = {},
  ctx: TaskContextOptions = {},
): Promise<CacheCleanResult> {
  const context = resolveContext(ctx);
  const { cache, signal, dryRun } = context;
  const result = await cleanCache(cache, {
    ...options,
    dryRun,
    signal,
    onBusy: cacheWarner(context),
  });
  warnOfDenied(context, result.denied, "; what it may need stays");
  const changed = result.files > 0;
  const why = changed
    ? describeRemoval(result, dryRun)
    : `there was nothing to remove in ${cache.dir}`;
  return { ...result, changed, dryRun, why };
}
