/**
 * What of the options of an image copy is held against the door, and what of its plan before the first byte.
 *
 * @module
 */
import { resolve } from "@std/path";
import { checkFreeBytes, diskOf } from "../../lib/base/disk_space.ts";
import { type OptionShape, refusedOption } from "../../lib/base/check_options.ts";
import { UsageError } from "../../lib/base/errors.ts";
import { listed } from "../../lib/base/listed.ts";
import { plainPath } from "../../lib/base/plain_path.ts";
import type { PlannedCopy } from "../../lib/oci/copy/plan_copies.ts";
import type { Platform } from "../../lib/oci/descriptor.ts";
import { type DestinationReference, formatDestination } from "../../lib/oci/engine_reference.ts";
import { PlaceNames } from "../../lib/oci/copy/place_names.ts";
import { machinePlatform, parsePlatform } from "../../lib/oci/platform.ts";
import { formatReference, type ImageReference } from "../../lib/oci/reference.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { registriesShapes } from "../shared/registry_rules.ts";
import type { CopyImagesOptions } from "./copy_options.ts";
import type { ImageRoute } from "./routes.ts";

/** What {@linkcode CopyImagesOptions} must be, as far as it is not checked where it is used. */
export const copyShapes: { readonly [K in keyof CopyImagesOptions]?: OptionShape } = {
  ...registriesShapes,
  platforms: "texts",
  allPlatforms: "switch",
  referrers: "switch",
  verifyExisting: "switch",
  engines: "object",
  pin: "switch",
};

/** To ask how much is free takes longer than to bring less than this, and a disk that has no room for it shows that at once. */
const worthLookingBytes = 1024 * 1024;

/** What is to be written to one place. */
interface WantedRoom {
  readonly folder: string;
  readonly bytes: number;
}

/** The copies of one source, and what has to pass through the cache for them. */
interface CopiesOfSource {
  readonly copies: readonly PlannedCopy[];
  readonly spool: WantedRoom;
}

/**
 * Blobs are as large as they say, so that a full disk shows before the first byte is moved, that of the cache too, which may be the same.
 *
 * @param onFailure told of the copies that do not fit beside those before them, before the failure is thrown
 * @throws {NoRoomError} if not all of them fit
 */
export function checkRoom(
  copies: readonly PlannedCopy[],
  cacheDir: string,
  onFailure?: (copy: PlannedCopy, error: unknown) => void,
): void {
  const sets: CopiesOfSource[] = [];
  for (const [{ spoolBytes = 0 }, all] of Map.groupBy(copies, ({ source }) => source)) {
    sets.push({ copies: all, spool: { folder: cacheDir, bytes: spoolBytes } });
  }
  const wanted = [...copies.map(roomFor), ...sets.map(({ spool }) => spool)]
    .filter(({ bytes }) => bytes > 0);
  // Of a folder that is not there yet one above it is looked at; where that is not allowed, somebody would be asked.
  if (bytesOf(wanted) < worthLookingBytes) return;
  const full = new Map<string, unknown>();
  for (const [disk, parts] of Map.groupBy(wanted, ({ folder }) => diskOf(pathOf(folder)))) {
    const bytes = bytesOf(parts);
    if (bytes < worthLookingBytes) continue;
    try {
      checkFreeBytes(pathOf(parts.at(-1)!.folder), bytes);
    } catch (error) {
      full.set(disk, error);
    }
  }
  if (full.size === 0) return;
  if (onFailure !== undefined) tellUnfit(sets, full, onFailure);
  throw full.values().next().value;
}

function roomFor({ to, plan }: PlannedCopy): WantedRoom {
  return to.transport === "oci"
    ? { folder: to.folder, bytes: plan.diskBytes }
    : { folder: "", bytes: 0 };
}

function pathOf(folder: string): string {
  return resolve(plainPath(folder));
}

function bytesOf(wanted: readonly WantedRoom[]): number {
  return wanted.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Tells of the copies that do not fit on disks beside what comes before them; what is for those alone takes no room from others. */
function tellUnfit(
  sets: readonly CopiesOfSource[],
  full: ReadonlyMap<string, unknown>,
  onFailure: (copy: PlannedCopy, error: unknown) => void,
): void {
  const taken = new Map<string, number>();
  const fits = ({ folder, bytes }: WantedRoom, copies: readonly PlannedCopy[]): boolean => {
    const disk = bytes === 0 ? "" : diskOf(pathOf(folder));
    if (!full.has(disk)) return true;
    const all = bytes + (taken.get(disk) ?? 0);
    try {
      checkFreeBytes(pathOf(folder), all);
    } catch (error) {
      for (const copy of copies) onFailure(copy, error);
      return false;
    }
    taken.set(disk, all);
    return true;
  };
  for (const { copies, spool } of sets) {
    if (!fits(spool, copies)) continue;
    const fitting = copies.filter((copy) => fits(roomFor(copy), [copy]));
    // A single one is read past the cache.
    if (fitting.length < 2) fits({ ...spool, bytes: -spool.bytes }, []);
  }
}

/** The platforms that are wanted of an index; `undefined` for all. */
export function wantedPlatforms(options: CopyImagesOptions): Platform[] | undefined {
  const { platforms = [], allPlatforms = false } = options;
  if (allPlatforms && platforms.length > 0) {
    const names = listed(platforms.map((each) => JSON.stringify(each)));
    throw new UsageError(
      `Cannot use allPlatforms together with the platform${
        platforms.length === 1 ? "" : "s"
      } ${names}`,
      { hint: "leave out one of the two" },
    );
  }
  if (allPlatforms) return undefined;
  return platforms.length === 0 ? [machinePlatform()] : platforms.map(parsePlatform);
}

/** How many blobs may be under way. */
export function checkConcurrency(concurrency = 16): number {
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 64) return concurrency;
  throw refusedOption("concurrency", concurrency, "a whole number from 1 to 64");
}

/**
 * Without a network nothing can be done to what is in a registry.
 *
 * @param action what is to be done, for the message: `sync`
 * @throws {UsageError} if one is in a registry, and there is to be no network
 */
export function checkOffline(
  { offline }: Pick<TaskContext, "offline">,
  action: string,
  ...references: DestinationReference[]
): void {
  const remote = references.find((reference) => reference.transport === "docker");
  if (!offline || remote?.transport !== "docker") return;
  throw new UsageError(
    `Cannot ${action} "${formatReference(remote)}" offline: it is in a registry`,
    { hint: "leave out --offline, or name layouts only" },
  );
}

/** One name holds one image: of several that were meant for it, it would be left to chance which. */
export function checkDestinations(routes: readonly ImageRoute[]): void {
  const places = new PlaceNames();
  const taken = new Map<string, string>();
  for (const { from, to } of routes) {
    const source = formatReference(from);
    for (const each of to) {
      const place = nameOf(each, places);
      const other = taken.get(place) ?? source;
      taken.set(place, other);
      if (other === source) continue;
      throw new UsageError(
        `Cannot sync "${source}" to "${formatDestination(each)}": "${other}" is to go there too`,
        { hint: "give each image a destination of its own" },
      );
    }
  }
}

/**
 * What is brought to its own place stays as it is there, an index with the images of all platforms, unless some of them are asked for.
 *
 * @param sources where each of the copies is read
 * @param onFailure told of each copy that would not leave it so, before the first of those failures is thrown
 * @throws {UsageError} if an index would lose images
 */
export function checkWhole(
  sources: readonly ImageReference[],
  copies: readonly PlannedCopy[],
  { platforms = [] }: CopyImagesOptions,
  onFailure?: (copy: PlannedCopy, error: unknown) => void,
): void {
  if (platforms.length > 0) return;
  const places = new PlaceNames();
  let failure: UsageError | undefined;
  for (const [at, copy] of copies.entries()) {
    const { plan: { changed, root, resolved }, to } = copy;
    const from = sources[at]!;
    if (!changed || root.digest === resolved.digest || from.digest !== undefined) continue;
    if (nameOf(from, places) !== nameOf(to, places)) continue;
    const error = new UsageError(
      `Cannot sync "${formatReference(from)}" to itself: its index would lose all images but one`,
      { hint: "name another destination, or what is to be left of it with --platform" },
    );
    if (onFailure === undefined) throw error;
    onFailure(copy, error);
    failure ??= error;
  }
  if (failure !== undefined) throw failure;
}

/** A name by which two images are equal that are the same one of one place. */
function nameOf(reference: DestinationReference, places: PlaceNames): string {
  const { transport, tag, digest } = reference;
  return `${places.of(reference)} ${tag ?? digest ?? (transport === "oci" ? "" : "latest")}`;
}

/** An engine takes one image that it can run, and keeps nothing that could be hashed again. */
export function checkEngines(
  destinations: readonly DestinationReference[],
  options: CopyImagesOptions,
): void {
  const engine = destinations.find(({ transport }) =>
    transport !== "docker" && transport !== "oci"
  );
  if (engine === undefined) return;
  const unfit = options.allPlatforms || (options.platforms?.length ?? 0) > 1
    ? "takes one platform of an image"
    : options.referrers
    ? "takes no referrers"
    : options.verifyExisting
    ? "keeps no blobs that could be hashed again"
    : undefined;
  if (unfit === undefined) return;
  throw new UsageError(
    `Cannot copy to "${formatDestination(engine)}" like this: an engine ${unfit}`,
  );
}
