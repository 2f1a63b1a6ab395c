/** Syncs of many images. @module */
import { assertEquals } from "@std/assert";
import { Cache } from "../../lib/cache/cache.ts";
import {
  syncImages,
  type SyncImagesOptions,
  type SyncImagesResult,
} from "../../tasks/image/list.ts";
import { randomBytes } from "./layout.ts";

/** A run that comes out as planned. */
export async function sync(
  cacheDir: string,
  options: SyncImagesOptions,
): Promise<SyncImagesResult> {
  const cache = new Cache(cacheDir);
  const planned = await syncImages(options, { cache, dryRun: true });
  const done = await syncImages(options, { cache });
  assertEquals({ ...planned, dryRun: false }, done);
  return done;
}

/** A layer that images share. */
export const shared = randomBytes(300_000);
