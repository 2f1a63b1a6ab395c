import { join } from "@std/path";
import { writtenMs } from "../base/files.ts";
import type { Cache } from "./cache.ts";
import { tagName } from "./markers.ts";

/** A day, in milliseconds. */
export const dayMs = 24 * 3_600_000;

/** When the cache was made, in milliseconds since 1970, where that can be told. */
export function madeMs(cache: Cache): number | undefined {
  return writtenMs(join(cache.dir, tagName));
}
