import { formatBytes } from "../lib/base/bytes.ts";
import { type CacheSize, measureCache } from "../lib/cache/cache_size.ts";
import { cleanCache, type CleanResult } from "../lib/cache/clean.ts";
import { resolveContext, type TaskContextOptions } from "../lib/runner/context.ts";

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
  const { cache, signal, dryRun, report } = resolveContext(ctx);
  const operation = { operation: crypto.randomUUID(), kind: "cache", subject: cache.dir };
  const result = await cleanCache(cache, {
    ...options,
    dryRun,
    signal,
    onBusy: (message) => report({ ...operation, type: "note", level: "warning", message }),
  });
  const changed = result.files > 0;
  return {
    ...result,
    changed,
    dryRun,
    why: changed
      ? `${dryRun ? "would remove" : "removed"} ${counted(result.files, "file")} (${
        formatBytes(result.bytes)
      })`
      : `there was nothing to remove in ${cache.dir}`,
  };
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
