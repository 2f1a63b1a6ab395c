import { checkOptions, checkValue } from "../../lib/base/check_options.ts";
import type { CacheSize } from "../../lib/cache/cache_size.ts";
import type { CleanResult } from "../../lib/cache/clean.ts";
import type { Explanation } from "../../lib/cache/explain_entry.ts";
import type { ListedEntry } from "../../lib/cache/list_entries.ts";
import type { PruneResult } from "../../lib/cache/prune.ts";
import type { VerifyCacheResult } from "../../lib/cache/verify_cache.ts";
import { defaultCacheDir } from "../../lib/cache/cache_dir.ts";
import { ambientRun } from "../../lib/runner/ambient.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";

/**
 * Gives the path of the cache folder, which need not exist yet: that of the context, else that of the run in which it is called.
 *
 * @throws {UsageError} if no cache is given, and neither `KEDGE_CACHE_DIR`, `XDG_CACHE_HOME` nor `HOME` is set
 *
 * @example
 * ```ts
 * import { cacheDir } from "@kedge/kedge";
 *
 * const dir = cacheDir(); // such as /home/ada/.cache/kedge
 * ```
 */
export function cacheDir(ctx: TaskContextOptions = {}): string {
  checkOptions(ctx, {});
  return ctx.cache?.dir ?? ambientRun()?.cacheDir ?? defaultCacheDir();
}

/**
 * Measures the cache, in all and by its parts, in bytes. A file with several hard links counts once.
 *
 * @example
 * ```ts
 * import { cacheSize } from "@kedge/kedge";
 *
 * const { bytes, parts } = await cacheSize();
 * ```
 */
export async function cacheSize(ctx: TaskContextOptions = {}): Promise<CacheSize> {
  const [{ measureCache }, { readCache }] = await Promise.all([
    import("../../lib/cache/cache_size.ts"),
    import("./read_cache.ts"),
  ]);
  return await readCache(ctx, ({ dir }, onDenied, signal) => measureCache(dir, onDenied, signal));
}

/** What {@linkcode cacheClean} removes. */
export interface CacheCleanOptions {
  /**
   * The names of what is removed: a URL or a part of one, a reference, or a bucket such as `kexec`. An empty list removes nothing.
   *
   * @default {everything}
   */
  names?: readonly string[] | undefined;
  /** Whether it is removed even if other processes use the cache. @default {false} */
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
 * Empties the cache, or removes the entries with some names.
 *
 * It waits for other processes that use the cache. The journal of runs stays.
 *
 * @throws {UsageError} if an option has a wrong type or value
 * @throws {TimedOutError} if other processes used the cache for longer than `KEDGE_LOCK_TIMEOUT`
 * @throws {KedgeError} if this user may not remove some of it; `data.left` names that, and all else is removed
 *
 * @example
 * ```ts
 * import { cacheClean } from "@kedge/kedge";
 * import { Cache } from "@kedge/kedge/cache";
 *
 * const ctx = { cache: new Cache(await Deno.makeTempDir()) };
 * const { changed } = await cacheClean({ names: ["kexec"] }, ctx); // false: there was none
 * ```
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
  /** Whether everything is removed that is cheap to make or download again, before CI saves the cache. @default {false} */
  ci?: boolean | undefined;
  /** Removes entries that were not used for this time: milliseconds, or a text such as `"30d"`. @default {no limit} */
  maxAge?: number | string | undefined;
  /** The most bytes that the contents of the cache may have. @default {no limit} */
  maxSize?: number | undefined;
  /** The bytes that must be free on the disk of the cache. @default {no limit} */
  minFree?: number | undefined;
  /** Whether to act as if no other process used the cache. @default {false} */
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
 * Removes what nothing refers to, what killed processes left behind, and what exceeds the limits.
 *
 * What a running process uses stays.
 *
 * @throws {UsageError} if a limit is not a time or a number of bytes
 *
 * @example
 * ```ts
 * import { cachePrune } from "@kedge/kedge";
 * import { Cache } from "@kedge/kedge/cache";
 *
 * const ctx = { cache: new Cache(await Deno.makeTempDir()) };
 * const { why, plan } = await cachePrune({ maxAge: "30d", maxSize: 10e9 }, ctx);
 * for (const { path, reason } of plan.items) console.log(path, reason);
 * ```
 */
export async function cachePrune(
  options: CachePruneOptions = {},
  ctx: TaskContextOptions = {},
): Promise<CachePruneResult> {
  const { runCachePrune } = await import("./prune.ts");
  return await runCachePrune(options, ctx);
}

/**
 * Lists the entries of the cache, and those of the read-only layer below it, the last used first.
 *
 * What this user may not read is reported as a warning and left out.
 *
 * @example
 * ```ts
 * import { cacheList } from "@kedge/kedge";
 * import { Cache } from "@kedge/kedge/cache";
 *
 * const ctx = { cache: new Cache(await Deno.makeTempDir()) };
 * for (const { key, bytes, used } of await cacheList(ctx)) console.log(key, bytes, used);
 * ```
 */
export async function cacheList(ctx: TaskContextOptions = {}): Promise<readonly ListedEntry[]> {
  const [{ listEntries }, { readCache }] = await Promise.all([
    import("../../lib/cache/list_entries.ts"),
    import("./read_cache.ts"),
  ]);
  return await readCache(ctx, listEntries);
}

/**
 * Explains the cache entries with a name: which task wrote them and when, from where, with which validators, and what they refer to.
 *
 * @param name a URL or a part of one, a reference, a store path, or the digest of a blob or of an unpacked folder: in full, or its first
 * hexadecimal digits, six at least, with or without `sha256:`
 * @throws {UsageError} if the name is not a text
 * @throws {KedgeError} if no entry has that name, or several digests begin with it; the hint and `data` name the nearest
 *
 * @example
 * ```ts
 * import { cacheWhy } from "@kedge/kedge";
 *
 * export async function origin(url: string): Promise<string[]> {
 *   const found = await cacheWhy(url);
 *   return found.map(({ by, created, bucket }) => `${bucket}: by ${by} on ${created}`);
 * }
 * ```
 */
export async function cacheWhy(
  name: string,
  ctx: TaskContextOptions = {},
): Promise<readonly Explanation[]> {
  checkValue("name", name, "text");
  const [{ explainEntries }, { readCache }] = await Promise.all([
    import("../../lib/cache/explain_entry.ts"),
    import("./read_cache.ts"),
  ]);
  return await readCache(ctx, (cache, onDenied) => explainEntries(cache, name, onDenied));
}

/** How much {@linkcode cacheVerify} reads. */
export interface CacheVerifyOptions {
  /** The time after which nothing further is begun: milliseconds, or a text such as `"30s"`. The next run continues there. @default {no limit} */
  budget?: number | string | undefined;
  /**
   * The most bytes that are read and downloaded; the next run continues there. At least one content is read, however large it is, so that
   * repeated runs read everything in the end.
   *
   * @default {no limit}
   */
  budgetBytes?: number | undefined;
  /** Whether damaged contents are downloaded again at once, within the budget; never offline. @default {true} */
  refetch?: boolean | undefined;
}

/**
 * Checks the contents of the cache, unpacked folders and copies too, against their digests.
 *
 * Damaged contents are moved to quarantine and downloaded again, by the digest that they must have; `bad` of the result says of each what
 * became of it, and why. What this user may not read is named, and everything else is still checked.
 *
 * @throws {VerificationError} if damaged contents could not be restored; `data.bad` names all that were damaged
 * @throws {KedgeError} if some may not be read, and nothing else is damaged; `data.denied` names them
 *
 * @example
 * ```ts
 * import { cacheVerify } from "@kedge/kedge";
 * import { Cache } from "@kedge/kedge/cache";
 *
 * const ctx = { cache: new Cache(await Deno.makeTempDir()) };
 * const { blobs, bad } = await cacheVerify({ budget: "30s" }, ctx);
 * console.log(`${blobs} blobs, ${bad.length} of them damaged`);
 * ```
 */
export async function cacheVerify(
  options: CacheVerifyOptions = {},
  ctx: TaskContextOptions = {},
): Promise<VerifyCacheResult> {
  const { runCacheVerify } = await import("./verify.ts");
  return await runCacheVerify(options, ctx);
}
