import { checkFreeBytes, diskOf } from "../base/disk_space.ts";
import { NoRoomError } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import { plainBytes } from "../chunk/plan_packs.ts";
import type { DiskStore } from "./disk_store.ts";
import type { DiskPushPlan } from "./plan_push.ts";

/** Where a push writes. */
export interface PushRoom {
  /** What is pushed to. */
  readonly store: DiskStore;
  /** The folder of the cache, which keeps the packs that are made until they are all there. */
  readonly cacheDir: string;
  /** Told where it may be too little. */
  readonly meter: Meter;
}

/**
 * Makes sure that a layout, and the cache, have room for what a push is sure to put there: packs of which the bytes are known, a byte of each chunk of
 * the others, and the digests of the chunks. Where only compression will tell whether the rest fits, says so.
 *
 * @throws {NoRoomError} if one has not
 */
export async function checkPushRoom(plan: DiskPushPlan, room: PushRoom): Promise<void> {
  const { bytesToMove, packs, standing, table } = plan;
  const { store, cacheDir, meter } = room;
  const toMake = packs.filter(({ there, built }) => !there && built === undefined);
  const leastToMake = sum(toMake.map(({ chunks }) => chunks.length));
  const mostToMake = sum(toMake.map(({ chunks }) => plainBytes(table, chunks)));
  checkRoom(cacheDir, leastToMake, mostToMake, meter);
  const { folder } = store;
  if (folder === undefined) return;
  const hasIndex = standing !== undefined && await store.has(standing.indexBlob);
  const indexBytes = hasIndex ? 1 : standing?.indexBytes.length ?? 1 + table.digests.length;
  const known = packs.filter(({ there }) => !there).map(({ built }) => built?.size ?? 0);
  // Where both are on one disk, each new pack is there twice until the push is committed.
  const isOneDisk = toMake.length > 0 && diskOf(folder) === diskOf(cacheDir);
  const [leastTwice, mostTwice] = isOneDisk ? [leastToMake, mostToMake] : [0, 0];
  const leastBytes = indexBytes + leastToMake + sum(known) + leastTwice;
  checkRoom(folder, leastBytes, bytesToMove + mostTwice, meter);
}

function checkRoom(folder: string, leastBytes: number, mostBytes: number, meter: Meter): void {
  checkFreeBytes(folder, leastBytes);
  try {
    checkFreeBytes(folder, mostBytes);
  } catch (error) {
    if (!(error instanceof NoRoomError)) throw error;
    meter.note(`${error.message}, which is too little unless it can be compressed`, "warning");
  }
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}
