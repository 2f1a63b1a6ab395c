import { checkOptions } from "../../lib/base/check_options.ts";
import { KedgeError, UsageError } from "../../lib/base/errors.ts";
import { cleanCache } from "../../lib/cache/clean.ts";
import { describeRemoval } from "../../lib/cache/describe_removal.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { cacheWarner, warnOfDenied } from "../shared/cache_warner.ts";
import type { CacheCleanOptions, CacheCleanResult } from "./cache.ts";

/** Does the work of `cacheClean`. */
export async function runCacheClean(
  options: CacheCleanOptions = {},
  ctx: TaskContextOptions = {},
): Promise<CacheCleanResult> {
  checkOptions(options, {}, { names: "texts", force: "switch" });
  const { names } = options;
  const blank = names?.find((name) => name.trim() === "");
  if (blank !== undefined) {
    const shown = JSON.stringify(blank);
    throw new UsageError(`Cannot use ${shown} as one of names: it would be a part of each`, {
      hint: "leave names out to empty the cache",
    });
  }
  const context = resolveContext(ctx);
  const { cache, signal, dryRun } = context;
  const result = await cleanCache(cache, {
    ...options,
    dryRun,
    signal,
    onBusy: cacheWarner(context),
  });
  const { denied, left } = result;
  warnOfDenied(context, denied.filter((why) => !left.includes(why)), "; what it may need stays");
  warnOfDenied(context, left);
  const changed = result.files > 0;
  const why = changed
    ? describeRemoval(result, dryRun)
    : names?.length === 0
    ? "nothing was named that should go"
    : `there was nothing to remove in ${cache.dir}`;
  if (left.length > 0) {
    const isNamed = names !== undefined;
    throw new KedgeError(
      `Cannot ${isNamed ? "remove what was named from" : "empty"} the cache "${cache.dir}": ` +
        `${left.length} of its files and folders may not be removed`,
      {
        hint: `run it as the user who owns them${isNamed || dryRun ? "" : "; all else is gone"}`,
        data: { ...result, dryRun },
      },
    );
  }
  return { ...result, changed, dryRun, why };
}
