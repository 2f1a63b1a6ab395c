/** Pulls by mirrors. @module */
import { Cache } from "../../lib/cache/cache.ts";
import { syncImage, type SyncImageResult } from "../../tasks/image/image.ts";
import type { ImageRoom } from "./image_room.ts";
import { randomBytes } from "./layout.ts";

/** The layers of the image. */
export const layers = [randomBytes(900_000, 1), randomBytes(300_000, 2)];

/** Pulls by mirrors to a machine of this name, which has a cache of its own. */
export function pull(
  room: ImageRoom,
  from: string,
  name: string,
  mirrors: string[],
): Promise<SyncImageResult> {
  return syncImage({ from, to: `oci:${room.path(name)}:v1`, mirrors }, {
    cache: new Cache(room.path(`cache of ${name}`)),
    report: (event) => void room.events.push(event),
  });
}
