/** Chooses what of a folder that is mounted as `/nix` no kept image needs; touches no disk. @module */
import { digestHex } from "../../base/digest_text.ts";
import { imageOf, neededBy } from "./begun_images.ts";
import { type CarriedImage, ownPaths } from "./carried_images.ts";
import { leftLinks } from "./left_links.ts";
import { type NixLink, storeNameOf } from "./nix_links.ts";
import { type NotedPath, notedPath } from "./noted_paths.ts";
import type { SeenNixFolder } from "./seen_nix_folder.ts";
import type { StoreRow } from "./store_row.ts";

/** Which images go. */
export interface ChosenImages {
  /** The images that are let go of. */
  readonly dropped: readonly CarriedImage[];
  /** The images that stay. */
  readonly kept: readonly CarriedImage[];
  /** Those whose carrying was killed before it was noted, though their roots, and maybe their paths, are there; by the digests, in hexadecimal. */
  readonly begun: readonly string[];
  /** Whether some that might go stay, since programs use them, or profiles follow them: without what tells of them, nothing would free that later. */
  readonly used: boolean;
}

/** Which paths go. */
export interface ChosenPaths {
  /** The links of profiles and roots that only they have brought, and that nothing leads to or through. */
  readonly links: readonly NixLink[];
  /** The paths that are deleted. */
  readonly rows: readonly StoreRow[];
  /** The paths that only images had which are gone, and that stay, since something else needs them. */
  readonly orphans: readonly NotedPath[];
  /** Whether something needs a name, or it is that of a valid path. */
  isTaken(name: string): boolean;
}

/** Chooses the images, of which so many stay beside the one that profiles follow. */
export function chooseImages(seen: SeenNixFolder, keep: number): ChosenImages {
  const { noted, current, busy, valid, links } = seen;
  const past = noted.filter((image) => image.digest !== current).slice(keep);
  const staying = pathsOf(noted.filter((image) => !past.includes(image)));
  const inUse = neededBy(busy, valid).difference(staying);
  const followed = new Set(namesOf(links.filter((link) => imageOf(link) === undefined)))
    .difference(staying);
  const dropped = past.filter(({ paths }) => inUse.isDisjointFrom(new Set(paths)));
  const begun = seen.begun.filter((image) => {
    const paths = pathsOfBegun([image], seen);
    return inUse.isDisjointFrom(paths) && followed.isDisjointFrom(paths);
  });
  return {
    dropped,
    kept: noted.filter((image) => !dropped.includes(image)),
    begun,
    used: dropped.length < past.length || begun.length < seen.begun.length,
  };
}

/** Chooses the paths that go with images, and the links to them. */
export function choosePaths(seen: SeenNixFolder, images: ChosenImages): ChosenPaths {
  const { valid, busy } = seen;
  const candidates = candidatesOf(seen, images);
  const links = linksOf(seen, images);
  const gone = new Set([...images.dropped.map(({ digest }) => digestHex(digest)), ...images.begun]);
  const leading = seen.links.filter((link) =>
    !links.includes(link) && !gone.has(imageOf(link) ?? "")
  );
  const staying = [...valid.keys()].filter((name) => !candidates.has(name));
  const needed = neededBy([...staying, ...namesOf(leading), ...busy], valid);
  const kept = pathsOf(images.kept);
  const isNeeded = ({ storePath: { baseName } }: StoreRow) =>
    needed.has(baseName) || kept.has(baseName);
  const rows = [...valid.values()].filter(({ storePath }) => candidates.has(storePath.baseName));
  return {
    links,
    rows: rows.filter((row) => !isNeeded(row)),
    orphans: rows.filter(isNeeded).map(notedPath),
    isTaken: (name) => valid.has(name) || needed.has(name),
  };
}

/** The names of the paths that images which go have brought, alone. */
function candidatesOf(
  seen: SeenNixFolder,
  { dropped, kept, begun }: ChosenImages,
): ReadonlySet<string> {
  const ownOf = (images: readonly CarriedImage[]) =>
    images.flatMap((image) => ownPaths(image, seen.valid));
  return new Set([...ownOf(dropped), ...pathsOfBegun(begun, seen), ...seen.orphans])
    .difference(new Set(ownOf(kept)))
    .difference(new Set(seen.built));
}

/** The links that go. Without a note of the image that profiles follow, or of another one that stays, nobody can tell which links it has. */
function linksOf(
  { links, current, unreadable }: SeenNixFolder,
  { dropped, kept }: ChosenImages,
): NixLink[] {
  const isTold = unreadable.length === 0 && kept.some(({ digest }) => digest === current);
  return isTold ? leftLinks(links, dropped, kept) : [];
}

/** The names of the paths that images have. */
function pathsOf(images: readonly CarriedImage[]): Set<string> {
  return new Set(images.flatMap(({ paths }) => paths));
}

/** The names of the paths to which the roots of images lead that are not noted. */
function pathsOfBegun(images: readonly string[], { links, valid }: SeenNixFolder): Set<string> {
  return neededBy(namesOf(links.filter((link) => images.includes(imageOf(link) ?? ""))), valid);
}

/** What links lead to. */
function namesOf(links: readonly NixLink[]): string[] {
  return links.flatMap((link) => storeNameOf(link) ?? []);
}
