import type { Cache } from "../../lib/cache/cache.ts";
import type { CacheSize } from "../../lib/cache/cache_size.ts";
import type { CleanResult } from "../../lib/cache/clean.ts";
import type { Explanation } from "../../lib/cache/explain_entry.ts";
import type { ListedEntry } from "../../lib/cache/list_entries.ts";
import type { PruneResult } from "../../lib/cache/prune.ts";
import type { VerifyCacheResult } from "../../lib/cache/verify_cache.ts";
import { defaultCacheDir } from "../../lib/cache/cache_dir.ts";
import { ambientRun } from "../../lib/runner/ambient.ts";
import type { TaskContext, TaskContextOptions } from "../../lib/runner/context.ts";

/**
 * The folder of the cache, that of the run in which this is called where no other is given; it need not be there yet.
 *
 * @throws {UsageError} if no cache is given, and no variable tells where the home is
 */
export function cacheDir(ctx: TaskContextOptions = {}): string {
  return ctx.cache?.dir ?? ambientRun()?.cacheDir ?? defaultCacheDir();
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
  const { measureCache } = await import("../../lib/cache/cache_size.ts");
  return await reading(
    ctx,
    ({ dir }, onDenied, signal) => measureCache(dir, onDenied, signal),
  );
}

/** What {@linkcode cacheClean} removes. */
export interface CacheCleanOptions {
  /**
   * Only what goes by one of these: a URL or a part of one, a reference, a bucket such as `kexec`; an empty list removes nothing.
   *
   * @default {everything}
   */
  names?: readonly string[] | undefined;
  /** Go on although other processes use the cache. @default {false} */
  force?: boolean | undefined;
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
 * @throws {UsageError} if an option is not what it must be
 * @throws {TimedOutError} if others used it for longer than `KEDGE_LOCK_TIMEOUT`
 * @throws {KedgeError} if some of what shall go may not be removed; `data.left` names that, and all else is gone
 */
export async function cacheClean(
  options: CacheCleanOptions = {},
  ctx: TaskContextOptions = {},
): Promise<CacheCleanResult> {
  const { runCacheClean } = await import("./clean.ts");
  return await runCacheClean(options, ctx);
}

/** What the cache may keep when {@linkcode cachePrune} is done. */
export interface CachePruneOptions {
  /** Whether all goes that is made or fetched again cheaply: before a cache is packed up in CI. @default {false} */
  ci?: boolean | undefined;
  /** Entries that were not used for so long go: milliseconds, or a text such as `"30d"`. @default {none go by age} */
  maxAge?: number | string | undefined;
  /** The most bytes that its contents may have. @default {any number} */
  maxSize?: number | undefined;
  /** The bytes that must be free on its disk. @default {any number} */
  minFree?: number | undefined;
  /** Act as if nobody else used the cache. @default {false} */
  force?: boolean | undefined;
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
  const { runCachePrune } = await import("./prune.ts");
  return await runCachePrune(options, ctx);
}

/** The entries of the cache, and those of the read-only layer below it, the last used first. What may not be read is reported and left out. */
export async function cacheList(ctx: TaskContextOptions = {}): Promise<readonly ListedEntry[]> {
  const { listEntries } = await import("../../lib/cache/list_entries.ts");
  return await reading(ctx, listEntries);
}

/**
 * Explains what goes by a name: who put it there, when, from where, with which validators, and who refers to it.
 *
 * @param name a URL or a part of one, a reference, a store path, or the digest of a blob or of an unpacked folder: in full, or its first
 * hexadecimal digits, six at least, with or without `sha256:`
 * @throws {KedgeError} if nothing goes by that name, or several digests begin with it; the hint names what is near, and `data` has it too
 */
export async function cacheWhy(
  name: string,
  ctx: TaskContextOptions = {},
): Promise<readonly Explanation[]> {
  const { explainEntries } = await import("../../lib/cache/explain_entry.ts");
  return await reading(ctx, (cache, onDenied) => explainEntries(cache, name, onDenied));
}

/** How much {@linkcode cacheVerify} reads. */
export interface CacheVerifyOptions {
  /** Begin nothing further after so long; the next run goes on there: milliseconds, or a text such as `"30s"`. @default {never} */
  budget?: number | string | undefined;
  /**
   * Read and fetch anew at most so many bytes; the next run goes on there. One thing at least is read, however large it is, so that all
   * are read in the end.
   *
   * @default {any number}
   */
  budgetBytes?: number | undefined;
  /** Whether bad ones are fetched anew at once, within the budget; never offline. @default {true} */
  refetch?: boolean | undefined;
}

/**
 * Reads the contents of the cache, unpacked folders and copies too, and holds them against their digests. Bad ones are moved away and
 * fetched anew, by the digest that they must have; `bad` of the result says of each what became of it, and why. What may not be read is
 * named, and keeps nothing else from being read.
 *
 * @throws {VerificationError} if any was bad and could not be brought back; `data.bad` names all that were bad
 * @throws {KedgeError} if some may not be read, and no other is bad; `data.denied` names them
 */
export async function cacheVerify(
  options: CacheVerifyOptions = {},
  ctx: TaskContextOptions = {},
): Promise<VerifyCacheResult> {
  const { runCacheVerify } = await import("./verify.ts");
  return await runCacheVerify(options, ctx);
}

/** Reads the cache, and reports what of it this user may not read. */
async function reading<T>(
  ctx: TaskContextOptions,
  read: (cache: Cache, onDenied: (why: string) => void, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const context = await contextOf(ctx);
  const denied: string[] = [];
  try {
    return await read(context.cache, (why) => denied.push(why), context.signal);
  } finally {
    const { warnOfDenied } = await import("../shared/cache_warner.ts");
    warnOfDenied(context, denied);
  }
}

/** The context of what only reads the cache. */
async function contextOf(ctx: TaskContextOptions): Promise<TaskContext> {
  const [{ resolveContext }, { refuseFile }] = await Promise.all([
    import("../../lib/runner/context.ts"),
    import("../../lib/cache/own_folder.ts"),
  ]);
  const context = resolveContext(ctx);
  refuseFile(context.cache.dir);
  return context;
}
