/**
 * Removes contents that nothing needs.
 *
 * Invariant: they are taken aside first, then it is asked once more what is needed, and that goes back, also where the removal is given up. Who
 * finds contents leases them before, and who finds none writes them anew: so no entry is left without its contents even where locks lie, unless
 * this process is killed in between.
 *
 * @module
 */
import { dirname } from "@std/path";
import type { Digest } from "../base/digest.ts";
import { codeOf } from "../base/errors.ts";
import { ifThere, lookAt } from "../base/files.ts";
import type { Cache } from "./cache.ts";
import type { GcItem } from "./gc_policy.ts";
import { findPointers, type FoundPointer } from "./pointers.ts";
import { type RemovalCount, removeCounted } from "./removal.ts";

/** Options of {@linkcode removeContents}. */
export interface RemoveContentsOptions {
  /** Whether others use the cache now. */
  inUse: boolean;
  /** What a pointer cannot do without. */
  refs: (pointer: FoundPointer) => readonly Digest[];
  /** Does something with each item; one that this user may not remove ends nothing. */
  each: (items: readonly GcItem[], act: (item: GcItem) => Promise<void>) => Promise<void>;
}

/** Removes blobs and archives, but those that somebody has begun to need since that was asked first. */
export async function removeContents(
  cache: Cache,
  items: readonly GcItem[],
  count: RemovalCount,
  { inUse, refs, each }: RemoveContentsOptions,
): Promise<void> {
  if (items.length === 0) return;
  const taken = new Map<GcItem, string>();
  let isNeeded = (_item: GcItem) => true;
  try {
    await each(items, async (item) => {
      const at = await ifThere(takeAside(item, cache.temporaryPath(item.kind)));
      if (at !== undefined) taken.set(item, at);
    });
    isNeeded = await neededNow(cache, inUse, refs);
  } finally {
    for (const [item, at] of taken) {
      if (!isNeeded(item)) continue;
      if (at !== item.path) await putBack(at, item.path);
      taken.delete(item);
    }
  }
  await each([...taken.keys()], async (item) => void await removeCounted(taken.get(item)!, count));
}

/** Where it lies then: a blob stays where it is if it can get no other name, as on a full disk; an archive is never seen in part. */
async function takeAside({ kind, path }: GcItem, aside: string): Promise<string> {
  try {
    await Deno.mkdir(dirname(aside), { recursive: true });
    await Deno.rename(path, aside);
    return aside;
  } catch (error) {
    if (kind === "archive" || error instanceof Deno.errors.NotFound) throw error;
    return path;
  }
}

/** Tells of contents whether somebody leases them now, or a pointer needs them. */
async function neededNow(
  cache: Cache,
  inUse: boolean,
  refs: RemoveContentsOptions["refs"],
): Promise<(item: GcItem) => boolean> {
  const { leased, all } = await cache.leases.read(inUse);
  const needed = new Set<string>(leased);
  let isKnown = !all;
  for await (const pointer of findPointers(cache.dir)) {
    if (pointer.denied !== undefined) isKnown = false;
    for (const digest of refs(pointer)) needed.add(digest);
  }
  return ({ name = "" }) => !isKnown || needed.has(name);
}

/** Gives contents their name again, unless somebody wrote the same meanwhile. */
async function putBack(at: string, path: string): Promise<void> {
  if (lookAt(path) === undefined) {
    try {
      return await Deno.rename(at, path);
    } catch (error) {
      if (!["ENOTEMPTY", "EEXIST"].includes(codeOf(error) ?? "")) throw error;
    }
  }
  await Deno.remove(at, { recursive: true });
}
