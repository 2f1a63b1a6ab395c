import { checkFreeBytes, diskOf, leastBlock, mayCompress } from "../base/disk_space.ts";
import { NoRoomError } from "../base/errors.ts";
import type { Cache } from "../cache/cache.ts";
import { hasTable } from "./known_files.ts";
import type { DiskPullPlan } from "./plan_pull.ts";
import { roomForPull } from "./room_for_pull.ts";

/**
 * Makes sure that what the cache keeps of a disk, as far as it lacks it, takes none of the room that the file needs, where both are on one.
 * It is asked before the file is written.
 *
 * @returns that there is room
 * @throws {NoRoomError} if there is not
 */
export async function checkCacheRoom(plan: DiskPullPlan, cache: Cache): Promise<true> {
  const { out, stands, image: { index, indexBlob } } = plan;
  if (stands || diskOf(cache.dir) !== diskOf(out)) return true;
  // Each of the two has a last block that is not full, and an entry that says of what it is.
  const tableBytes = leastBlock + index.digests.length +
    4 * (index.lengths.length + index.rows.length);
  const parts = [2 * leastBlock, leastBlock + indexBlob.size, tableBytes];
  const check = () => {
    const keptBytes = parts.reduce((sum, bytes) => sum + bytes, 0);
    checkFreeBytes(out, roomForPull(plan, mayCompress(out)) + keptBytes, cache.dir);
  };
  try {
    check();
  } catch (error) {
    if (!(error instanceof NoRoomError)) throw error;
    if (await cache.blobs.has(indexBlob.digest, indexBlob.size)) parts[1] = 0;
    if (await hasTable(cache, index)) parts[2] = 0;
    check();
  }
  return true;
}
