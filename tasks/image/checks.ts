/**
 * What of the options of an image copy is held against the door, and what of its plan before the first byte.
 *
 * @module
 */
import { resolve } from "@std/path";
import { checkFreeBytes, diskOf } from "../../lib/base/disk_space.ts";
import { type OptionShape, refusedOption } from "../../lib/base/check_options.ts";
import { UsageError } from "../../lib/base/errors.ts";
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

/** What is to be written to one place, and the copies for which it is. */
interface WantedRoom {
  readonly copies: readonly PlannedCopy[];
  readonly folder: string;
  readonly bytes: number;
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
  const wanted: WantedRoom[] = [];
  for (const copy of copies) {
    const { to, plan } = copy;
    if (to.transport !== "oci") continue;
    wanted.push({ copies: [copy], folder: to.folder, bytes: plan.diskBytes });
  }
  for (const [{ spoolBytes = 0 }, all] of Map.groupBy(copies, ({ source }) => source)) {
    wanted.push({ copies: all, folder: cacheDir, bytes: spoolBytes });
  }
  // Of a folder that is not there yet one above it is looked at; where that is not allowed, somebody would be asked.
  if (bytesOf(wanted) < worthLookingBytes) return;
  const placed = wanted.filter(({ bytes }) => bytes > 0)
    .map((each) => ({ ...each, path: resolve(plainPath(each.folder)) }));
  let failure: { error: unknown } | undefined;
  for (const parts of Map.groupBy(placed, ({ path }) => diskOf(path)).values()) {
    const bytes = bytesOf(parts);
    if (bytes < worthLookingBytes) continue;
    try {
      checkFreeBytes(parts.at(-1)!.path, bytes);
    } catch (error) {
      if (onFailure !== undefined) tellUnfit(parts, onFailure);
      failure ??= { error };
    }
  }
  if (failure !== undefined) throw failure.error;
}

function bytesOf(wanted: readonly WantedRoom[]): number {
  return wanted.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Tells of what does not fit on a disk beside what comes before it. */
function tellUnfit(
  parts: readonly (WantedRoom & { path: string })[],
  onFailure: (copy: PlannedCopy, error: unknown) => void,
): void {
  let fitting = 0;
  for (const { copies, path, bytes } of parts) {
    try {
      checkFreeBytes(path, fitting + bytes);
      fitting += bytes;
    } catch (error) {
      for (const copy of copies) onFailure(copy, error);
    }
  }
}

/** The platforms that are wanted of an index; `undefined` for all. */
export function wantedPlatforms(options: CopyImagesOptions): Platform[] | undefined {
  const { platforms = [], allPlatforms = false } = options;
  if (allPlatforms && platforms.length > 0) {
    throw new UsageError(
      `Cannot use allPlatforms together with platforms ${JSON.stringify(platforms)}`,
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
 */
export function checkWhole(
  sources: readonly ImageReference[],
  copies: readonly PlannedCopy[],
  { platforms = [] }: CopyImagesOptions,
): void {
  if (platforms.length > 0) return;
  const places = new PlaceNames();
  for (const [at, { plan: { changed, root, resolved }, to }] of copies.entries()) {
    const from = sources[at]!;
    if (!changed || root.digest === resolved.digest || from.digest !== undefined) continue;
    if (nameOf(from, places) !== nameOf(to, places)) continue;
    throw new UsageError(
      `Cannot sync "${formatReference(from)}" to itself: its index would lose all images but one`,
      { hint: "name another destination, or what is to be left of it with --platform" },
    );
  }
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
