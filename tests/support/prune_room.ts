/** Carried stores that are pruned. @module */
import type { NixFolder } from "../../lib/nix/folder/nix_folder.ts";
import type { BaseImageResult } from "../../tasks/base_image/base_image.ts";
import { pruneStore, type PruneStoreResult } from "../../tasks/store/store.ts";
import type { CarryRoom } from "./carry_room.ts";
import { validWithNix } from "./nix_store_image.ts";

/** Carries three images. */
export async function fill(room: CarryRoom): Promise<BaseImageResult> {
  await room.carry(await room.image("2.8.0"));
  await room.carry(await room.image("2.8.1"));
  const last = await room.image("2.8.2");
  await room.carry(last);
  return last;
}

/** Prunes to so many images. */
export async function prune(
  room: CarryRoom,
  keep: number,
  dryRun = false,
): Promise<PruneStoreResult> {
  return await pruneStore({ in: { folder: room.nix.path }, keep }, { ...room.context, dryRun });
}

/** The names of all valid paths, without their hashes. */
export async function names(folder: NixFolder): Promise<string[]> {
  return (await validWithNix(folder.uri)).map((path) => path.replace(/^.{44}/, "")).sort();
}
