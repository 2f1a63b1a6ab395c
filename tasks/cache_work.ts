import { formatBytes } from "../lib/base/bytes.ts";
import { type CacheSize, measureCache } from "../lib/cache/cache_size.ts";
import { cleanCache } from "../lib/cache/clean.ts";
import { defined } from "../lib/base/defined.ts";
import { parseDuration } from "../lib/base/duration.ts";
import { KedgeError, UsageError, VerificationError } from "../lib/base/errors.ts";
import { explainEntries, type Explanation } from "../lib/cache/explain_entry.ts";
import type { GcPolicy } from "../lib/cache/gc_policy.ts";
import { type ListedEntry, listEntries } from "../lib/cache/list_entries.ts";
import { pruneCache } from "../lib/cache/prune.ts";
import { verifyCache, type VerifyCacheResult } from "../lib/cache/verify_cache.ts";
import { refetchContents } from "./cache_refetch.ts";
import type { Removal } from "../lib/cache/removal.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../lib/runner/context.ts";
import type {
  CacheCleanOptions,
  CacheCleanResult,
  CachePruneOptions,
  CachePruneResult,
  CacheVerifyOptions,
} from "./cache.ts";

/** Does the work of `cacheSize`. */
export async function runCacheSize(ctx: TaskContextOptions = {}): Promise<CacheSize> {
  const { cache, signal } = resolveContext(ctx);
  return await measureCache(cache.dir, signal);
}

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
    onBusy: noteTo(context),
  });
  const changed = result.files > 0;
  const why = changed ? removed(result, dryRun) : `there was nothing to remove in ${cache.dir}`;
  return { ...result, changed, dryRun, why };
}

/** Does the work of `cachePrune`. */
export async function runCachePrune(
  options: CachePruneOptions = {},
  ctx: TaskContextOptions = {},
): Promise<CachePruneResult> {
  const context = resolveContext(ctx);
  const { cache, signal, dryRun } = context;
  const { ci, maxSize, minFree, maxAge, force = false } = options;
  const maxAgeMs = typeof maxAge === "string" ? parseDuration(maxAge) : maxAge;
  for (const [name, limit] of Object.entries({ maxAge: maxAgeMs, maxSize, minFree })) {
    if (limit === undefined || limit >= 0) continue;
    throw new UsageError(`Cannot prune by ${name} ${limit}: it is less than nothing`);
  }
  const policy: GcPolicy = defined({ ci, maxAgeMs, maxBytes: maxSize, minFreeBytes: minFree });
  const onBusy = noteTo(context);
  const result = await pruneCache(cache, { policy, force, dryRun, signal, onBusy });
  const changed = result.files + result.folders > 0;
  const kept = result.plan.leased === 0 ? "" : `; ${counted(result.plan.leased, "blob")} in use`;
  const why = changed ? removed(result, dryRun) : "no unused entries were found";
  return { ...result, changed, dryRun, why: why + kept };
}

/** Does the work of `cacheList`. */
export async function runCacheList(ctx: TaskContextOptions = {}): Promise<readonly ListedEntry[]> {
  return await listEntries(resolveContext(ctx).cache);
}

/** Does the work of `cacheWhy`. */
export async function runCacheWhy(
  name: string,
  ctx: TaskContextOptions = {},
): Promise<readonly Explanation[]> {
  const { cache } = resolveContext(ctx);
  const found = await explainEntries(cache, name);
  if (found.length > 0) return found;
  throw new KedgeError(
    `Cannot explain ${JSON.stringify(name)}: the cache has nothing of that name`,
    {
      hint: "cache:ls lists what is there",
    },
  );
}

/** Does the work of `cacheVerify`. */
export async function runCacheVerify(
  options: CacheVerifyOptions = {},
  ctx: TaskContextOptions = {},
): Promise<VerifyCacheResult> {
  const context = resolveContext(ctx);
  const { cache, signal, dryRun, offline } = context;
  const { budget, budgetBytes, refetch = true } = options;
  const budgetMs = typeof budget === "string" ? parseDuration(budget) : budget;
  const result = await verifyCache(cache, {
    dryRun,
    signal,
    ...(refetch && !offline ? { mend: (bad) => refetchContents(bad, context) } : {}),
    ...defined({ budgetMs, budgetBytes }),
  });
  const note = noteTo(context);
  for (const { kind, digest, keys, why } of result.bad) {
    note(
      `the ${kind} ${digest} ${keys.length > 0 ? `of ${keys.join(", ")} ` : ""}was damaged: ${why}`,
    );
  }
  const lost = result.bad.filter(({ refetched }) => !refetched);
  if (lost.length === 0) return result;
  const names = lost.flatMap(({ digest, keys }) => keys.length > 0 ? keys : [digest]);
  throw new VerificationError(
    `Cannot vouch for the cache "${cache.dir}": ${
      lost.length === 1 ? "one is" : `${lost.length} are`
    } damaged: ${names.join(", ")}`,
    {
      hint: dryRun ? "run without --dry-run to move them away" : `moved away; ${lost[0]!.why}`,
      data: { ...result },
    },
  );
}

function noteTo({ cache, report }: TaskContext): (message: string) => void {
  const operation = { operation: crypto.randomUUID(), kind: "cache", subject: cache.dir };
  return (message) => report({ ...operation, type: "note", level: "warning", message });
}

function removed({ files, folders, bytes }: Removal, dryRun: boolean): string {
  const what = files > 0 ? counted(files, "file") : counted(folders, "folder");
  return `${dryRun ? "would remove" : "removed"} ${what} (${formatBytes(bytes)})`;
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
