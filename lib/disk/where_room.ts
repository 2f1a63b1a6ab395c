import { isNoRoom, NoRoomError } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import type { Cache } from "../cache/cache.ts";

/**
 * Keeps in the cache what only makes later runs quicker; where the cache has no room for it, this run goes on without.
 *
 * @returns what `keep` gives; `undefined` if there is no room
 */
export async function whereRoom<T>(
  cache: Cache,
  meter: Meter,
  keep: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await keep();
  } catch (error) {
    if (!isNoRoom(error) && !(error instanceof NoRoomError)) throw error;
    const what = "the next run will know less of this disk";
    meter.note(`the cache in "${cache.dir}" has no room: ${what}`, "warning");
    return undefined;
  }
}
