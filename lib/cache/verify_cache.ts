/**
 * Reads every blob and holds it against its digest.
 *
 * Invariants: a blob that fails is moved away under a name that nobody looks for, never repaired in place; what pointed to it
 * becomes a miss, and is fetched anew at its next use; with a budget the next run goes on where this one stopped.
 *
 * @module
 */
import { join } from "@std/path";
import { writeFileAtomic } from "../base/atomic_file.ts";
import { type Digest, sameDigest } from "../base/digest.ts";
import { hashFile } from "../base/hash_file.ts";
import type { CachedBlob } from "./blob_store.ts";
import type { Cache } from "./cache.ts";
import { findPointers, refsOf } from "./pointers.ts";
import { quarantineBlob } from "./quarantine.ts";

/** Options of {@linkcode verifyCache}. */
export interface VerifyCacheOptions {
  /** Stop after so many bytes; the next run goes on there. @default {all} */
  budgetBytes?: number;
  /** Stop after so long, in milliseconds; the next run goes on there. @default {until all is read} */
  budgetMs?: number;
  /** Whether to leave bad blobs where they are. @default {false} */
  dryRun?: boolean;
  /** Told of the bytes read. */
  onRead?: (bytes: number) => void;
  /** Ends the work. */
  signal?: AbortSignal;
}

/** One blob that is not what its name says. */
export interface BadBlob {
  /** The digest that its bytes should have. */
  digest: Digest;
  /** The digest that they have. */
  actual: Digest;
  /** Its size in bytes. */
  size: number;
  /** The keys of the entries that refer to it: they are fetched anew at their next use. */
  keys: readonly string[];
}

/** What {@linkcode verifyCache} found. */
export interface VerifyCacheResult {
  /** How many blobs were read. */
  blobs: number;
  /** Their bytes. */
  bytes: number;
  /** Those that failed. */
  bad: readonly BadBlob[];
  /** Whether the whole cache was read. */
  complete: boolean;
}

const cursorName = "verify-cursor";

/** Reads the blobs of the cache, all or within a budget. */
export async function verifyCache(
  cache: Cache,
  options: VerifyCacheOptions = {},
): Promise<VerifyCacheResult> {
  const { budgetBytes = Infinity, budgetMs = Infinity, dryRun = false } = options;
  const blobs = await Array.fromAsync(cache.blobs.list());
  const limited = budgetBytes !== Infinity || budgetMs !== Infinity;
  const ordered = limited ? startingAfter(blobs, await readCursor(cache)) : blobs;
  const started = performance.now();
  const bad: BadBlob[] = [];
  let bytes = 0;
  let count = 0;
  for (const blob of ordered) {
    options.signal?.throwIfAborted();
    if (bytes >= budgetBytes || performance.now() - started >= budgetMs) break;
    const actual = await hash(blob, options);
    if (actual === undefined) continue;
    bytes += blob.size;
    count++;
    if (sameDigest(actual, blob.digest)) continue;
    bad.push({ digest: blob.digest, actual, size: blob.size, keys: await keysOf(cache, blob) });
    if (!dryRun) await quarantineBlob(cache, blob);
  }
  const last = ordered[count - 1];
  if (limited && !dryRun && last !== undefined) {
    await cache.ensure(cache.dir);
    await writeFileAtomic(join(cache.dir, `.${cursorName}`), last.digest);
  }
  return { blobs: count, bytes, bad, complete: count >= blobs.length };
}

async function hash(
  blob: CachedBlob,
  options: VerifyCacheOptions,
): Promise<Digest | undefined> {
  const { onRead, signal } = options;
  try {
    const found = await hashFile(blob.path, {
      ...(onRead === undefined ? {} : { onRead }),
      ...(signal === undefined ? {} : { signal }),
    });
    return found.digest;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function keysOf(cache: Cache, blob: CachedBlob): Promise<string[]> {
  const keys: string[] = [];
  for await (const pointer of findPointers(cache.dir)) {
    if (refsOf(pointer).includes(blob.digest)) keys.push(pointer.envelope!.key);
  }
  return keys;
}

function startingAfter(blobs: readonly CachedBlob[], cursor: string): CachedBlob[] {
  const at = blobs.findIndex(({ digest }) => digest > cursor);
  return at <= 0 ? [...blobs] : [...blobs.slice(at), ...blobs.slice(0, at)];
}

async function readCursor(cache: Cache): Promise<string> {
  try {
    return await Deno.readTextFile(join(cache.dir, `.${cursorName}`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
