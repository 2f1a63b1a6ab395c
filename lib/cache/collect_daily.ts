import { join } from "@std/path";
import { clearWay, writtenMs } from "../base/files.ts";
import type { Cache } from "./cache.ts";
import { dayMs, madeMs } from "./cache_age.ts";
import type { PruneResult } from "./prune.ts";

/**
 * Collects at most once a day, the first time a day after the cache was made, and only if nobody else is using the cache at this
 * moment. Gives `undefined` where it was not the time; what collects is loaded when it is.
 */
export async function collectDaily(
  cache: Cache,
  options: { signal?: AbortSignal } = {},
): Promise<PruneResult | undefined> {
  const stamp = join(cache.dir, ".gc-stamp");
  const ageMs = cache.now() - (writtenMs(stamp) ?? madeMs(cache) ?? 0);
  if (ageMs >= 0 && ageMs < dayMs) return undefined;
  {
    using free = await cache.tryLockRoot();
    if (free === undefined) return undefined;
  }
  await cache.ensure(cache.dir);
  await clearWay(stamp);
  await Deno.writeTextFile(stamp, "");
  const [{ pruneCache }, { dailyGcPolicy }] = await Promise.all([
    import("./prune.ts"),
    import("./gc_policy.ts"),
  ]);
  return await pruneCache(cache, { policy: dailyGcPolicy, ...options });
}
