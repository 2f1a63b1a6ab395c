/**
 * Empties the cache, or removes what goes by some names.
 *
 * Invariants: only what kedge made is removed, and only from a folder that is its cache; nobody else uses the cache meanwhile, unless
 * force was asked for, and by a name not even then contents go that others lease, nor the files under their names; lock files and the journal stay, and so does the tag
 * where something of others' lies beside it; symbolic links are removed, never followed; a kill midway leaves a cache without some
 * entries, never an entry without its contents, nor a part of an unpacked folder under its name.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { isTemporaryName } from "../base/atomic_file.ts";
import type { Digest } from "../base/digest.ts";
import { folderNames, ifThere, lookAt } from "../base/files.ts";
import { buckets } from "./buckets.ts";
import type { Cache } from "./cache.ts";
import { lockExclusively } from "./exclusive.ts";
import { isInUse } from "./in_use.ts";
import { isJournalName, tagName } from "./markers.ts";
import { namedFilePath } from "./named_file.ts";
import { checkOwnFolder, isOwnName, isStrangeName } from "./own_folder.ts";
import { findPointers, type FoundPointer, refsOf } from "./pointers.ts";
import { stateOfTemporary } from "../base/temporary_owner.ts";
import { type Removal, RemovalCount, removeCounted, removeWhole } from "./removal.ts";

/** Options of {@linkcode cleanCache}. */
export interface CleanCacheOptions {
  /** Only what goes by one of these: a key, a part of a key, or a bucket such as `kexec`; by none of them, nothing. @default {everything} */
  names?: readonly string[] | undefined;
  /** Go on although others use the cache. @default {false} */
  force?: boolean | undefined;
  /** Whether to count only. @default {false} */
  dryRun?: boolean | undefined;
  /** Told when others use the cache. */
  onBusy?: ((message: string) => void) | undefined;
  /** Ends the work. */
  signal?: AbortSignal | undefined;
}

/** What {@linkcode cleanCache} removed. */
export interface CleanResult extends Removal {
  /** The keys that were removed, when names were given. */
  keys: readonly string[];
  /** What this user may not read, or remove, in the words of the system: while it stays, so do contents, which it may need. */
  denied: readonly string[];
  /** Those of them that should have gone. */
  left: readonly string[];
}

/** Removes everything, or what goes by some names together with what nothing else needs of it. */
export async function cleanCache(
  cache: Cache,
  options: CleanCacheOptions = {},
): Promise<CleanResult> {
  const { dryRun = false, names } = options;
  const count = new RemovalCount();
  const nothing = { ...count.toRemoval(), keys: [], denied: [], left: [] };
  if (names?.length === 0 || !await isThere(cache.dir)) return nothing;
  checkOwnFolder(cache.dir);
  if ((await removable(cache.dir)).length === 0) return nothing;
  using lock = dryRun ? undefined : await lockExclusively(cache, options);
  if (names !== undefined) {
    return await cleanNames(cache, names, count, { ...options, alone: lock !== undefined });
  }
  const own = await removable(cache.dir);
  const temporary = buckets.temporary.folder;
  const denied: string[] = [];
  const removing = { dryRun, onDenied: (why: string) => denied.push(why) };
  const order = (name: string) => name === temporary ? 2 : /^(blobs|archives)-/.test(name) ? 1 : 0;
  const work = join(cache.dir, temporary);
  if ((await ifThere(Deno.lstat(work)))?.isFile) await removeCounted(work, count, removing);
  for (const name of [...new Set([...own, temporary])].sort((a, b) => order(a) - order(b))) {
    options.signal?.throwIfAborted();
    const path = join(cache.dir, name);
    if (name.startsWith("archives-")) {
      await removeWhole(path, cache.temporaryPath("archives"), count, removing);
    } else await removeCounted(path, count, removing);
  }
  return { ...count.toRemoval(), keys: [], denied, left: denied };
}

async function cleanNames(
  cache: Cache,
  names: readonly string[],
  count: RemovalCount,
  options: CleanCacheOptions & { alone: boolean },
): Promise<CleanResult> {
  const { dryRun = false, force = false, alone, signal } = options;
  const doomed: FoundPointer[] = [];
  const needed = new Set<Digest>();
  const denied: string[] = [];
  const left: string[] = [];
  const removing = { dryRun, onDenied: (why: string) => left.push(why) };
  for await (const pointer of findPointers(cache.dir)) {
    signal?.throwIfAborted();
    if (goesBy(pointer, names)) doomed.push(pointer);
    else if (pointer.denied !== undefined) denied.push(pointer.denied);
    else for (const digest of refsOf(pointer)) needed.add(digest);
  }
  const keys: string[] = [];
  const named: FoundPointer[] = [];
  for (const pointer of doomed) {
    const key = pointer.envelope?.key;
    if (!await removeCounted(pointer.path, count, removing)) {
      if (pointer.envelope === undefined) denied.push(left.at(-1)!);
      for (const digest of refsOf(pointer)) needed.add(digest);
      continue;
    }
    if (key === undefined) continue;
    keys.push(key);
    named.push(pointer);
  }
  const contents = new Set(doomed.flatMap(refsOf));
  using _leases = alone || dryRun ? undefined : await cache.leases.lock(signal);
  const busy = force && (dryRun ? await isInUse(cache) : !alone);
  const others = busy ? await neededByOthers(cache, contents, dryRun) : undefined;
  denied.push(...others?.denied ?? []);
  for (const pointer of named) {
    const isLeased = refsOf(pointer).some((digest) => others?.leased.has(digest));
    const isWritten = busy && !dryRun && lookAt(pointer.path) !== undefined;
    if (isLeased || isWritten) continue;
    const { key } = pointer.envelope!;
    await removeCounted(dirname(namedFilePath(cache.dir, key, "x")), count, removing);
  }
  for (const digest of contents) {
    if (needed.has(digest) || others?.needed.has(digest) || denied.length > 0) continue;
    await removeCounted(cache.blobs.path(digest), count, removing);
    const aside = cache.temporaryPath("archive");
    await removeWhole(cache.archives.path(digest), aside, count, removing);
  }
  return { ...count.toRemoval(), keys, denied: [...new Set([...denied, ...left])], left };
}

interface Needed {
  needed: ReadonlySet<Digest>;
  /** Those that somebody leases, with the file under its name. */
  leased: ReadonlySet<Digest>;
  denied: readonly string[];
}

/**
 * Which of these contents those need who use the cache meanwhile: for an entry that they are about to write, or have just written. While the lock of
 * the leases is held nobody begins to need another.
 */
async function neededByOthers(
  cache: Cache,
  contents: ReadonlySet<Digest>,
  dryRun: boolean,
): Promise<Needed> {
  const { leased, all, denied } = await cache.leases.read();
  if (all) return { needed: contents, leased: contents, denied };
  const needed = new Set(leased);
  if (!dryRun) {
    for await (const pointer of findPointers(cache.dir)) {
      for (const digest of refsOf(pointer)) needed.add(digest);
    }
  }
  return { needed, leased, denied };
}

function goesBy({ bucket, envelope }: FoundPointer, names: readonly string[]): boolean {
  return names.some((name) =>
    bucket === name || bucket.replace(/-v\d+$/, "") === name || envelope?.key.includes(name)
  );
}

/** The names of what goes of a cache; without its tag a folder that holds something of others' would be taken for theirs. */
async function removable(dir: string): Promise<string[]> {
  const names = await folderNames(dir);
  const isKnownByTag = names.some(isStrangeName);
  const stays = (name: string) => isKept(name) || isKnownByTag && name === tagName;
  return names.filter((name) => isOwnName(name) && !stays(name));
}

/** What others are about to make at the root without a lock, the markers, is theirs while they live. */
function isKept(name: string): boolean {
  return isTemporaryName(name) && stateOfTemporary(name) !== "dead" || name === ".lock" ||
    name === buckets.locks.folder || isJournalName(name);
}

async function isThere(path: string): Promise<boolean> {
  return (await ifThere(Deno.stat(path)))?.isDirectory ?? false;
}
