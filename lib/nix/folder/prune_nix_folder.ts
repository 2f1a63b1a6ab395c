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
import { begunImages, imageOf, neededBy } from "./begun_images.ts";
import { busyNames } from "./busy_names.ts";
import {
  type CarriedImage,
  CarriedImages,
  ownPaths,
  type UnreadableNote,
} from "./carried_images.ts";
import { checkPlaces } from "./check_places.ts";
import { leftLinks } from "./left_links.ts";
import { leftNames, removeNames } from "./left_names.ts";
import { type LoosePath, LoosePaths } from "./loose_paths.ts";
import { type NixFolder, nixStoreDir } from "./nix_folder.ts";
import { type NixLink, removeLinks, stateLinks, storeNameOf } from "./nix_links.ts";
import { type NotedPath, notedPath, NotedPaths } from "./noted_paths.ts";
import { removeBelow } from "./remove_below.ts";
import { hasLinks, removeUnusedLinks } from "./remove_unused_links.ts";
import { StoreDatabase } from "./store_database.ts";
import type { StoreRow } from "./store_row.ts";

/** What a prune would do. */
export interface NixPrunePlan {
  /** The images that are let go of. */
  dropped: readonly CarriedImage[];
  /** The images that stay. */
  kept: readonly CarriedImage[];
  /** Whether some that might go stay, since programs use them, or profiles follow them: without what tells of them, nothing would free that later. */
  used: boolean;
  /** What should tell of images that stay, and does not: roots lead to what these need. */
  unreadable: readonly UnreadableNote[];
  /** Those whose carrying was killed before it was noted, though their roots, and maybe their paths, are there; by the digests, in hexadecimal. */
  begun: readonly string[];
  /** The links of profiles and roots that only they have brought, and that nothing leads to or through. */
  links: readonly NixLink[];
  /** The paths that are deleted. */
  rows: readonly StoreRow[];
  /** The paths that only images had which are gone, and that stay, since something else needs them. */
  orphans: readonly NotedPath[];
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
  // Before the database: a Nix that ends between the two has made valid by then what it was building of that.
  const busy = await busyNames(folder);
  const images = new CarriedImages(folder);
  const current = await images.current();
  const { images: noted, unreadable } = await images.all();
  const others = noted.filter((image) => image.digest !== current);
  using database = await StoreDatabase.read(folder.databaseFolder);
  const valid = database?.rows() ?? new Map<string, StoreRow>();
  const past = others.slice(keep);
  const staying = new Set(
    noted.filter((image) => !past.includes(image)).flatMap((image) => image.paths),
  );
  const inUse = neededBy(busy, valid).difference(staying);
  const isUsed = (paths: Iterable<string>) => !inUse.isDisjointFrom(new Set(paths));
  const dropped = past.filter((image) => !isUsed(image.paths));
  const kept = noted.filter((image) => !dropped.includes(image));
  const keptNames = new Set(kept.flatMap((image) => image.paths));
  const all = await stateLinks(folder);
  const names = await leftNames(folder, all);
  const present = all.filter(({ path }) => !names.includes(`var/nix/${path}`));
  const unnoted = await begunImages(folder, [
    ...[...noted, ...unreadable].map(({ digest }) => digest),
    ...current === undefined ? [] : [current],
  ]);
  const pathsOf = (images: readonly string[]) =>
    neededBy(namesOf(present.filter((link) => images.includes(imageOf(link) ?? ""))), valid);
  const followed = new Set(namesOf(present.filter((link) => imageOf(link) === undefined)));
  const isFollowed = (paths: Set<string>) => !followed.difference(staying).isDisjointFrom(paths);
  const begun = unnoted.filter((image) => {
    const paths = pathsOf([image]);
    return !isUsed(paths) && !isFollowed(paths);
  });
  const isBegun = (link: NixLink) => begun.includes(imageOf(link) ?? "");
  const came = [
    ...dropped.flatMap((image) => ownPaths(image, valid)),
    ...pathsOf(begun),
    ...await new NotedPaths(folder, "orphans").names(valid),
  ];
  const keptOwn = new Set(kept.flatMap((image) => ownPaths(image, valid)));
  const built = new Set(await new NotedPaths(folder, "built").names(valid));
  const candidates = new Set(came).difference(keptOwn).difference(built);
  // Without a note of the image that profiles follow, or of another one that stays, nobody can tell which links it has.
  const links = unreadable.length === 0 && kept.some(({ digest }) => digest === current)
    ? leftLinks(present, dropped, kept)
    : [];
  const left = new Set(dropped.map(({ digest }) => digestHex(digest)));
  const leading = present.filter((link) =>
    !links.includes(link) && !isBegun(link) && !left.has(imageOf(link) ?? "")
  );
  const needed = neededBy([
    ...[...valid.keys()].filter((name) => !candidates.has(name)),
    ...namesOf(leading),
    ...busy,
  ], valid);
  const theirs = [...valid.values()].filter(({ storePath }) => candidates.has(storePath.baseName));
  const isNeeded = ({ storePath: { baseName } }: StoreRow) =>
    needed.has(baseName) || keptNames.has(baseName);
  const rows = theirs.filter((row) => !isNeeded(row));
  const orphans = theirs.filter(isNeeded).map(notedPath);
  const isTaken = (name: string) => valid.has(name) || needed.has(name);
  const { loose, gone } = await new LoosePaths(folder).find(isTaken);
  const staged = (await folderNames(folder.staging)).map((name) => join(folder.staging, name));
  return {
    dropped,
    kept,
    used: dropped.length < past.length || begun.length < unnoted.length,
    unreadable,
    begun,
    links,
    rows,
    orphans,
    loose,
    gone: hasLinks(folder) ? gone : [],
    staged,
    names,
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

/** What links lead to. */
function namesOf(links: readonly NixLink[]): string[] {
  return links.flatMap((link) => storeNameOf(link) ?? []);
}
