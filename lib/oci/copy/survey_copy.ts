/**
 * Finds out what a copy of an image has to move.
 *
 * Invariants: nothing is written; what the name of the source points to is asked once and pinned by its digest.
 *
 * @module
 */
import type { Digest } from "../../base/digest.ts";
import type { Meter } from "../../base/meter.ts";
import { chooseImage, type ImageChoice } from "../choose_image.ts";
import type { CopyPlan } from "./copy_plan.ts";
import type { Platform } from "../descriptor.ts";
import type { ImageDestination, ImageSource } from "../image_store.ts";
import { readReferrerLists } from "./listing_requests.ts";
import { describeManifest, type Manifest } from "../manifest.ts";
import { ManifestWalk } from "./manifest_walk.ts";
import { isIndexType } from "../media_type.ts";
import { pooled } from "../pooled.ts";
import { isReferrersList, isReferrersName } from "../referrers.ts";
import { type CopyClaims, settleCopy } from "./settle_copy.ts";

/** What is to be copied of an image, and how. */
export interface PlanCopyOptions {
  /** The platforms that are wanted of an index; `undefined` takes the index whole. */
  platforms: readonly Platform[] | undefined;
  /** Whether somebody asked for these platforms, who is told where an image that no index has chosen is for another one. @default {false} */
  isPlatformAsked?: boolean | undefined;
  /** Whether what is attached to the manifests is copied along: signatures, lists of parts, those under cosign's tags too. @default {false} */
  referrers?: boolean | undefined;
  /** Whether what the destination has is read and hashed. @default {false} */
  verifyExisting?: boolean | undefined;
  /** Told as soon as it is seen that something will have to move, so that what moves can be loaded while the registry is asked. */
  onDiffers?: (() => void) | undefined;
  /** Told of what is left out. */
  meter: Meter;
  /** Ends the planning. */
  signal: AbortSignal;
}

/** What turns what was found into a plan, given what other copies bring to the same place; what this one brings is added. */
export type SettleCopy = (claims: CopyClaims) => Promise<CopyPlan>;

/** Looks at both sides of a copy; plans of several copies are then settled in a fixed order. */
export async function surveyCopy(
  source: ImageSource,
  destination: ImageDestination,
  options: PlanCopyOptions,
): Promise<SettleCopy> {
  const { signal } = options;
  const walk = new ManifestWalk(source, destination, options);
  const deep = options.verifyExisting === true || options.referrers === true;
  // A source on disk is looked at first: that it is not there should not cost a request.
  const local = source.path === undefined ? undefined : await source.resolve();
  const pointer = await destination.pointer();
  if (pointer === undefined) options.onDiffers?.();
  const { described } = destination;
  if (described !== undefined && destination.complete && !deep) {
    const whole = options.platforms === undefined || !isIndexType(described.mediaType);
    if (whole && await source.peek?.() === described.digest) {
      const copy = { source, destination, walk, root: described, resolved: described, same: true };
      return (claims) => settleCopy(copy, claims);
    }
  }
  const standing = pointer === undefined ? undefined : await destination.standing(pointer);
  const resolved = local ?? await source.resolve(standing);
  const choice = await chooseImage(source, resolved, options.platforms, { pointer, signal });
  const listing = { ...options, pointer, walk, deep };
  const chosen = await withListed(choice, source, destination, listing);
  const known = "manifest" in chosen ? chosen.manifest : undefined;
  const isRoot = (root: Manifest) =>
    pointer !== undefined && (destination.isRoot?.(pointer, root) ?? pointer === root.digest);
  const stands = known === undefined ? pointer === chosen.descriptor.digest : isRoot(known);
  if (!stands) options.onDiffers?.();
  if (stands && destination.complete && !deep) {
    for (const blob of known?.blobs ?? []) walk.note(blob);
    const { descriptor: root } = chosen;
    const copy = {
      source,
      destination,
      walk,
      root,
      resolved: describeManifest(resolved),
      same: true,
    };
    return (claims) => settleCopy(copy, claims);
  }
  const root = known ?? (await source.manifest(chosen.descriptor));
  const { platforms, isPlatformAsked = false } = options;
  if (isPlatformAsked && platforms !== undefined && resolved.kind === "image" && !stands) {
    const { notePlatform } = await import("./note_platform.ts");
    await notePlatform(source, resolved, { ...options, platforms });
  }
  await walk.visit(root, 0, new Set());
  if (options.referrers) await walk.visitReferrers();
  await destination.survey?.(root, source);
  await pooled(walk.blobs.values(), destination.limit, signal, async (blob) => {
    if (!await destination.has(blob, false)) return;
    if (options.verifyExisting && !await destination.isSound(blob, signal)) {
      options.meter.note(`${destination.name} has damaged bytes of ${blob.digest}`, "warning");
      return;
    }
    walk.there.add(blob.digest);
  });
  const isTrusted = !options.verifyExisting || !destination.complete;
  const same = isRoot(root) &&
    (isTrusted || await destination.isSound(describeManifest(root), signal));
  const remark = same ? undefined : destination.remark?.(root);
  if (remark !== undefined) options.meter.note(remark);
  const absent = [...walk.manifests.values()].filter(({ depth, present }) => depth > 0 && !present);
  const rootMoves = !same || absent.length > 0 || walk.blobs.size > walk.there.size;
  const puts = rootMoves ? [...absent, walk.manifests.get(root.digest)!] : absent;
  const lists = await readReferrerLists(puts, destination, walk.whole);
  return (claims) => {
    for (const digest of walk.blobs.keys()) {
      if (walk.there.has(digest)) continue;
      if (claims.blobs.has(digest)) walk.there.add(digest);
      else claims.blobs.add(digest);
    }
    const list = isListCopy(source, destination, root) ? { standing: pointer } : undefined;
    const copy = { source, destination, walk, resolved: describeManifest(resolved), same, lists };
    return settleCopy({ ...copy, list, root: describeManifest(root) }, claims);
  };
}

/** What is wanted; of a list of referrers, with what the destination's own list has besides. */
async function withListed(
  chosen: ImageChoice,
  source: ImageSource,
  destination: ImageDestination,
  options: PlanCopyOptions & { pointer: Digest | undefined; walk: ManifestWalk; deep: boolean },
): Promise<ImageChoice> {
  const { pointer, walk } = options;
  if (pointer === undefined || !("manifest" in chosen)) return chosen;
  if (chosen.manifest.digest === pointer) return chosen;
  if (!isListCopy(source, destination, chosen.manifest)) return chosen;
  const { mergeReferrers } = await import("../registry/merge_referrers.ts");
  const asked = { ...options, destination, pointer };
  const { list: manifest, kept } = await mergeReferrers(chosen.manifest, asked);
  for (const digest of kept) walk.kept.add(digest);
  return { descriptor: describeManifest(manifest), manifest };
}

function isListCopy(source: ImageSource, destination: ImageDestination, root: Manifest): boolean {
  return isReferrersName(destination.name) && isReferrersList(source.name, root);
}
