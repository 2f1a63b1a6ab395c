import { KedgeError } from "../lib/base/errors.ts";
import { cleanCache, type CleanResult } from "../lib/cache/clean.ts";
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
  const isNamed = (options.names ?? []).length > 0;
  warnOfDenied(context, result.denied, isNamed ? "; what it may need stays" : "");
  const changed = result.files > 0;
  const why = changed
    ? describeRemoval(result, dryRun)
    : `there was nothing to remove in ${cache.dir}`;
  if (!isNamed && result.denied.length > 0) throw left(cache.dir, result);
  return { ...result, changed, dryRun, why };
}

function left(dir: string, result: CleanResult): KedgeError {
  const { length } = result.denied;
  return new KedgeError(
    `Cannot empty the cache "${dir}": ${length} of its files and folders may not be removed`,
    { hint: "run it as the user whose they are; all else is gone", data: { ...result } },
  );
}
