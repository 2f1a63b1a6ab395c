import { checkFreeBytes } from "../base/disk_space.ts";
import { NoRoomError } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import type { DiskStore } from "./disk_store.ts";
import type { DiskPushPlan } from "./plan_push.ts";

/**
 * Makes sure that a layout has room for what a push is sure to put there: packs of which the bytes are known, and the digests of the chunks.
 * Where only compression will tell whether the rest fits, says so.
 *
 * @throws {NoRoomError} if it has not
 */
export async function checkPushRoom(
  { bytesToMove, packs, standing, table }: DiskPushPlan,
  store: DiskStore,
  meter: Meter,
): Promise<void> {
  const { folder } = store;
  if (folder === undefined) return;
  const hasIndex = standing !== undefined && await store.has(standing.indexBlob);
  const indexBytes = hasIndex ? 1 : standing?.indexBytes.length ?? 1 + table.digests.length;
  const known = packs.filter(({ there }) => !there).map(({ built }) => built?.size ?? 0);
  checkFreeBytes(folder, known.reduce((sum, size) => sum + size, indexBytes));
  try {
    checkFreeBytes(folder, bytesToMove);
  } catch (error) {
    if (!(error instanceof NoRoomError)) throw error;
    meter.note(`${error.message}, which is too little unless it can be compressed`, "warning");
  }
}
