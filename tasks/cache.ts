import { formatBytes } from "../lib/base/bytes.ts";
import { type CacheSize, measureCache } from "../lib/cache/cache_size.ts";
import { cleanCache, type CleanResult } from "../lib/cache/clean.ts";
import { defined } from "../lib/base/defined.ts";
import { parseDuration } from "../lib/base/duration.ts";
import { KedgeError, UsageError, VerificationError } from "../lib/base/errors.ts";
import { explainEntries, type Explanation } from "../lib/cache/explain_entry.ts";
import type { GcPolicy } from "../lib/cache/gc_policy.ts";
import { type ListedEntry, listEntries } from "../lib/cache/list_entries.ts";
import { pruneCache, type PruneResult } from "../lib/cache/prune.ts";
import { verifyCache, type VerifyCacheResult } from "../lib/cache/verify_cache.ts";
import type { Removal } from "../lib/cache/removal.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../lib/runner/context.ts";

/** The folder of the cache; it need not be there yet. */
export function cacheDir(ctx: TaskContextOptions = {}): string {
  return resolveContext(ctx).cache.dir;
}

/**
 * How large the cache is, in all and in its parts. A file with several names counts once.
 *
 * @example
 * ```ts
 * import { cacheSize } from "@kedge/kedge";
 *
 * const { bytes, parts } = await cacheSize();
 * ```
 */
export async function cacheSize(ctx: TaskContextOptions = {}): Promise<CacheSize> {
  const { cache, signal } = resolveContext(ctx);
  return await measureCache(cache.dir, signal);
}

/** What {@linkcode cacheClean} removes. */
export interface CacheCleanOptions {
  /** Only what goes by one of these: a URL or a part of one, a reference, a bucket such as `kexec`. @default {everything} */
  names?: readonly string[];
  /** Go on although other processes use the cache. @default {false} */
  force?: boolean;
}

/** What {@linkcode cacheClean} removed. */
export interface CacheCleanResult extends CleanResult {
  /** Whether anything was, or would be, removed. */
  changed: boolean;
  /** What was done, in one sentence. */
  why: string;
  /** Whether it was only counted. */
  dryRun: boolean;
}

/**
 * Empties the cache, or removes what goes by some names; the journal of runs stays. Waits for others who use the cache.
 *
 * @throws {TimedOutError} if others used it for longer than `KEDGE_LOCK_TIMEOUT`
 */
export async function cacheClean(
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

/** What the cache may keep when {@linkcode cachePrune} is done. */
export interface CachePruneOptions {
  /** Whether all goes that is made or fetched again cheaply: before a cache is packed up in CI. @default {false} */
  ci?: boolean;
  /** Entries that were not used for so long go: milliseconds, or a text such as `"30d"`. @default {none go by age} */
  maxAge?: number | string;
  /** The most bytes that its contents may have. @default {any number} */
  maxSize?: number;
  /** The bytes that must be free on its disk. @default {any number} */
  minFree?: number;
  /** Act as if nobody else used the cache. @default {false} */
  force?: boolean;
}

/** What {@linkcode cachePrune} removed, each thing with its reason. */
export interface CachePruneResult extends PruneResult {
  /** Whether anything was, or would be, removed. */
  changed: boolean;
  /** What was done, in one sentence. */
  why: string;
  /** Whether it was only planned. */
  dryRun: boolean;
}

/**
 * Removes what nothing refers to, what killed processes left, and what the limits do not let the cache keep. What a live
 * process uses stays.
 *
 * @throws {UsageError} if a limit is none
 */
export async function cachePrune(
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

/** The entries of the cache, the last used first. */
export async function cacheList(ctx: TaskContextOptions = {}): Promise<readonly ListedEntry[]> {
  return await listEntries(resolveContext(ctx).cache);
}

/**
 * Explains what goes by a name: who put it there, when, from where, with which validators, and who refers to it.
 *
 * @param name a URL or a part of one, a reference, a store path, or the digest of a blob
 * @throws {KedgeError} if nothing goes by that name
 */
export async function cacheWhy(
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

/** How much {@linkcode cacheVerify} reads. */
export interface CacheVerifyOptions {
  /** Stop after so long; the next run goes on there: milliseconds, or a text such as `"30s"`. @default {never} */
  budget?: number | string;
  /** Stop after so many bytes; the next run goes on there. @default {never} */
  budgetBytes?: number;
}

/**
 * Reads the contents of the cache and holds them against their digests. Bad ones are moved away, and fetched anew when they are
 * next wanted.
 *
 * @throws {VerificationError} if any was bad; `data.bad` names them
 */
export async function cacheVerify(
  options: CacheVerifyOptions = {},
  ctx: TaskContextOptions = {},
): Promise<VerifyCacheResult> {
  const { cache, signal, dryRun } = resolveContext(ctx);
  const { budget, budgetBytes } = options;
  const budgetMs = typeof budget === "string" ? parseDuration(budget) : budget;
  const result = await verifyCache(cache, {
    dryRun,
    signal,
    ...defined({ budgetMs, budgetBytes }),
  });
  if (result.bad.length === 0) return result;
  const names = result.bad.flatMap(({ digest, keys }) => keys.length > 0 ? keys : [digest]);
  throw new VerificationError(
    `Cannot vouch for the cache "${cache.dir}": ${counted(result.bad.length, "blob")} ${
      result.bad.length === 1 ? "is" : "are"
    } damaged: ${names.join(", ")}`,
    {
      hint: dryRun ? "run without --dry-run to move them away" : "they were moved away",
      data: { bad: result.bad, blobs: result.blobs, bytes: result.bytes },
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
