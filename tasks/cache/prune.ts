import { checkOptions, checkValue } from "../../lib/base/check_options.ts";
import { counted } from "../../lib/base/counted.ts";
import { defined } from "../../lib/base/defined.ts";
import { parseDuration } from "../../lib/base/duration.ts";
import { UsageError } from "../../lib/base/errors.ts";
import { describeRemoval } from "../../lib/cache/describe_removal.ts";
import type { GcPolicy } from "../../lib/cache/gc_policy.ts";
import { pruneCache } from "../../lib/cache/prune.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { cacheWarner, warnOfDenied } from "../shared/cache_warner.ts";
import type { CachePruneOptions, CachePruneResult } from "./cache.ts";

/** Does the work of `cachePrune`. */
export async function runCachePrune(
  options: CachePruneOptions = {},
  ctx: TaskContextOptions = {},
): Promise<CachePruneResult> {
  checkOptions(options, {}, {
    ci: "switch",
    maxSize: "number",
    minFree: "number",
    force: "switch",
  });
  const context = resolveContext(ctx);
  const { cache, signal, dryRun } = context;
  const { ci, maxSize, minFree, maxAge, force = false } = options;
  const maxAgeMs = typeof maxAge === "string" ? parseDuration(maxAge) : maxAge;
  if (maxAgeMs !== undefined) checkValue("maxAge", maxAgeMs, "milliseconds");
  for (const [name, limit] of Object.entries({ maxAge: maxAgeMs, maxSize, minFree })) {
    if (limit === undefined || limit >= 0) continue;
    throw new UsageError(`Cannot prune by ${name} ${limit}: it is negative`);
  }
  const policy: GcPolicy = defined({ ci, maxAgeMs, maxBytes: maxSize, minFreeBytes: minFree });
  const onBusy = cacheWarner(context);
  const result = await pruneCache(cache, { policy, force, dryRun, signal, onBusy });
  warnOfDenied(context, result.plan.denied, "; what it may need stays");
  const changed = result.files + result.folders > 0;
  const kept = result.plan.leased === 0 ? "" : `; ${counted(result.plan.leased, "blob")} in use`;
  const why = changed ? describeRemoval(result, dryRun) : "no unused entries were found";
  return { ...result, changed, dryRun, why: why + kept };
}
