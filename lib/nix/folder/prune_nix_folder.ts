/**
 * Frees what no kept image needs, in a folder that is mounted as `/nix`.
 *
 * Invariants: only paths that came with an image which is let go of are deleted, and what a killed run placed or was about to delete; never
 * one that was there before the images that have it, nor one that a kept image, a path of nobody's image, a root, or a process of this machine needs, or that a Nix is placing; the rows go before
 * the roots and the note that tell of them and before the files, and what a killed run had in mind is finished by the next one.
 *
 * @module
 */
import { join, relative } from "@std/path";
import { digestHex } from "../../base/digest_text.ts";
import { folderNames } from "../../base/files.ts";
import { Beneath } from "./beneath.ts";
import { CarriedImages, type UnreadableNote } from "./carried_images.ts";
import { checkPlaces } from "./check_places.ts";
import { chooseImages, choosePaths, type ChosenImages, type ChosenPaths } from "./choose_pruned.ts";
import { removeNames } from "./left_names.ts";
import { type LoosePath, LoosePaths } from "./loose_paths.ts";
import { type NixFolder, nixStoreDir } from "./nix_folder.ts";
import { removeLinks } from "./nix_links.ts";
import { notedPath, NotedPaths } from "./noted_paths.ts";
import { removeBelow } from "./remove_below.ts";
import { hasLinks, removeUnusedLinks } from "./remove_unused_links.ts";
import { seeNixFolder } from "./seen_nix_folder.ts";
import { StoreDatabase } from "./store_database.ts";

/** What a prune would do. */
export interface NixPrunePlan extends ChosenImages, Omit<ChosenPaths, "isTaken"> {
  /** What should tell of images that stay, and does not: roots lead to what these need. */
  unreadable: readonly UnreadableNote[];
  /** What killed runs left in the store, in no row. */
  loose: readonly LoosePath[];
  /** What is noted of killed runs and lies nowhere, where Nix may keep other names of its files. */
  gone: readonly string[];
  /** What killed runs left outside of the store, by its path. */
  staged: readonly string[];
  /** The files and links to which they were about to give their names, by their paths below the folder. */
  names: readonly string[];
}

/**
 * Plans what may go; writes nothing.
 *
 * @param keep how many images stay beside the one that profiles follow, those used last first
 * @throws {VerificationError} if a link there leads elsewhere, or something stands where a folder must be
 */
export async function planNixPrune(folder: NixFolder, keep: number): Promise<NixPrunePlan> {
  await checkPlaces(folder);
  const seen = await seeNixFolder(folder);
  const images = chooseImages(seen, keep);
  const { isTaken, ...paths } = choosePaths(seen, images);
  const { loose, gone } = await new LoosePaths(folder).find(isTaken);
  const staged = (await folderNames(folder.staging)).map((name) => join(folder.staging, name));
  return {
    ...images,
    ...paths,
    unreadable: seen.unreadable,
    loose,
    gone: hasLinks(folder) ? gone : [],
    staged,
    names: seen.names,
  };
}

/** Does what was planned; whoever calls holds the lock of the folder, and has planned under it. */
export async function pruneNixFolder(
  folder: NixFolder,
  plan: NixPrunePlan,
  onRemoved: (path: string) => void,
  signal: AbortSignal,
): Promise<void> {
  using beneath = new Beneath(folder.path);
  const remove = async (path: string, shown = path) => {
    signal.throwIfAborted();
    await removeBelow(beneath, relative(folder.path, path));
    onRemoved(shown);
  };
  const loose = new LoosePaths(folder);
  const removePaths = async (paths: readonly LoosePath[]) => {
    for (const { baseName } of paths) {
      await remove(folder.pathOf(baseName), `${nixStoreDir}/${baseName}`);
    }
  };
  // This needs no room, of which there may be none; what comes after it does.
  for (const path of plan.staged) await remove(path);
  removeNames(folder, plan.names);
  await removePaths(plan.loose);
  const rows = plan.rows.map(({ storePath: { baseName }, narSize }) => ({ baseName, narSize }));
  await loose.add(rows);
  const orphans = new NotedPaths(folder, "orphans");
  await orphans.put([...plan.orphans, ...plan.rows.map(notedPath)]);
  removeLinks(folder, plan.links);
  if (rows.length > 0) {
    using database = await StoreDatabase.change(folder);
    database.forget(rows.map(({ baseName }) => baseName));
  }
  // Of an image without a note they alone tell that its paths are to go.
  const images = plan.dropped.map(({ digest }) => digestHex(digest));
  for (const image of [...images, ...plan.begun]) {
    await removeBelow(beneath, `var/nix/gcroots/kedge/${image}`);
  }
  const notes = new CarriedImages(folder);
  for (const { digest } of plan.dropped) await notes.remove(digest);
  await orphans.put(plan.orphans);
  await removePaths(rows);
  const gone = new Set([...plan.gone, ...[...plan.loose, ...rows].map(({ baseName }) => baseName)]);
  if (gone.size > 0) await removeUnusedLinks(folder);
  await loose.settle((baseName) => gone.has(baseName));
}
