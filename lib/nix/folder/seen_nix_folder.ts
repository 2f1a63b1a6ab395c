import type { Digest } from "../../base/digest.ts";
import { begunImages } from "./begun_images.ts";
import { busyNames } from "./busy_names.ts";
import { type CarriedImage, CarriedImages, type UnreadableNote } from "./carried_images.ts";
import { leftNames } from "./left_names.ts";
import type { NixFolder } from "./nix_folder.ts";
import { type NixLink, stateLinks } from "./nix_links.ts";
import { NotedPaths } from "./noted_paths.ts";
import { StoreDatabase } from "./store_database.ts";
import type { StoreRow } from "./store_row.ts";

/** What there is in a folder that is mounted as `/nix`. */
export interface SeenNixFolder {
  /** The images that are noted, those used last first. */
  readonly noted: readonly CarriedImage[];
  /** Notes that say nothing of their images. */
  readonly unreadable: readonly UnreadableNote[];
  /** The image that profiles follow. */
  readonly current: Digest | undefined;
  /** The images that began to come and are not noted; by their digests, in hexadecimal. */
  readonly begun: readonly string[];
  /** The valid paths, by their base names. */
  readonly valid: ReadonlyMap<string, StoreRow>;
  /** The names of paths that processes use, or that a Nix is placing. */
  readonly busy: readonly string[];
  /** The names of valid paths that stayed of images that are gone. */
  readonly orphans: readonly string[];
  /** The names of valid paths that were there before the images that have them. */
  readonly built: readonly string[];
  /** The links of profiles and roots. */
  readonly links: readonly NixLink[];
  /** What killed runs were about to give its name, by its path below the folder. */
  readonly names: readonly string[];
}

/** Looks at such a folder; writes nothing. */
export async function seeNixFolder(folder: NixFolder): Promise<SeenNixFolder> {
  // Before the database: a Nix that ends between the two has made valid by then what it was building of that.
  const busy = await busyNames(folder);
  const images = new CarriedImages(folder);
  const current = await images.current();
  const { images: noted, unreadable } = await images.all();
  const valid = await validPaths(folder);
  const all = await stateLinks(folder);
  const names = await leftNames(folder, all);
  const told = [...noted, ...unreadable].map(({ digest }) => digest);
  return {
    noted,
    unreadable,
    current,
    begun: await begunImages(folder, current === undefined ? told : [...told, current]),
    valid,
    busy,
    orphans: await new NotedPaths(folder, "orphans").names(valid),
    built: await new NotedPaths(folder, "built").names(valid),
    links: all.filter(({ path }) => !names.includes(`var/nix/${path}`)),
    names,
  };
}

async function validPaths(folder: NixFolder): Promise<ReadonlyMap<string, StoreRow>> {
  using database = await StoreDatabase.read(folder.databaseFolder);
  return database?.rows() ?? new Map();
}
