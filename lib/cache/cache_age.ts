import { join } from "@std/path";
import { lookAt } from "../base/files.ts";
import type { Cache } from "./cache.ts";
import { tagName } from "./markers.ts";

/** A day, in milliseconds. */
export const dayMs = 24 * 3_600_000;

/** When the cache was made, in milliseconds since 1970, where that can be told. */
export function madeMs(cache: Cache): number | undefined {
  return changedMs(join(cache.dir, tagName));
}

/** When a file was changed last, in milliseconds since 1970; `undefined` where none is there. */
export function changedMs(path: string): number | undefined {
  return lookAt(path)?.mtime?.getTime();
}
