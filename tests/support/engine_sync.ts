/** Images in engines. @module */
import { Cache } from "../../lib/cache/cache.ts";
import type { Descriptor } from "../../lib/oci/descriptor.ts";
import { syncImage, type SyncImageOptions, type SyncImageResult } from "../../tasks/image/image.ts";
import type { ImageRoom } from "./image_room.ts";
import { randomBytes } from "./layout.ts";

/** What the layers of the image hold. */
export const files = [
  { name: "base", bytes: randomBytes(300_000, 1) },
  { name: "middle", bytes: randomBytes(200_000, 2) },
  { name: "top", bytes: randomBytes(100_000, 3) },
];

/** The bytes of all of them. */
export function sizeOf(...descriptors: Descriptor[]): number {
  return descriptors.reduce((sum, { size }) => sum + size, 0);
}

/** Syncs with the cache of the room, which is told of all that happens. */
export async function sync(
  room: ImageRoom,
  options: SyncImageOptions,
  dryRun = false,
): Promise<SyncImageResult> {
  return await syncImage(options, {
    cache: new Cache(room.path("cache")),
    report: (event) => void room.events.push(event),
    dryRun,
  });
}
