import { imageOf, neededBy } from "./begun_images.ts";
import { CarriedImages, ownPaths } from "./carried_images.ts";
import type { NixFolder } from "./nix_folder.ts";
import { stateLinks, storeNameOf } from "./nix_links.ts";
import { notedPath, NotedPaths } from "./noted_paths.ts";
import type { StoreRow } from "./store_row.ts";

/**
 * Notes which paths of an image that is about to come were valid before, and brought by no image: a prune that lets go of the image leaves them.
 * One that is not valid any more, and comes again with an image, is that image's. Of an image whose note is lost its roots tell what it brought. Whoever calls holds the lock of the folder, and has written nothing yet
 * that tells of the image.
 *
 * @param present the paths of the image that are valid already
 */
export async function noteBuiltPaths(
  folder: NixFolder,
  present: readonly StoreRow[],
  valid: ReadonlyMap<string, StoreRow>,
): Promise<void> {
  const noted = new NotedPaths(folder, "built");
  const { images } = await new CarriedImages(folder).all();
  const roots = (await stateLinks(folder)).filter((link) => imageOf(link) !== undefined);
  const brought = new Set([
    ...images.flatMap((image) => ownPaths(image, valid)),
    ...await new NotedPaths(folder, "orphans").names(valid),
    ...neededBy(roots.flatMap((link) => storeNameOf(link) ?? []), valid),
  ]);
  const known = (await noted.names(valid)).flatMap((name) => valid.get(name) ?? []);
  const found = present.filter(({ storePath }) => !brought.has(storePath.baseName));
  const all = new Map([...known, ...found].map((row) => [row.storePath.baseName, row]));
  await noted.put([...all.values()].map(notedPath));
}
