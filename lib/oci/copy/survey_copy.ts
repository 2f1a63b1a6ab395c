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
import type { CopyPlan, PlannedManifest } from "./copy_plan.ts";
import type { Platform } from "../descriptor.ts";
import type { ImageDestination, ImageSource } from "../image_store.ts";
import { readReferrerLists } from "./listing_requests.ts";
import { describeManifest, type Manifest } from "../manifest.ts";
import { ManifestWalk } from "./manifest_walk.ts";
import { isIndexType } from "../media_type.ts";
import { pooled } from "../pooled.ts";
import { isReferrersList, isReferrersName } from "../referrers.ts";
import { type CopyClaims, settleCopy, type SurveyedCopy } from "./settle_copy.ts";

/** What is to be copied of an image, and how. */
export interface PlanCopyOptions {
  /** The platforms that are wanted of an index; `undefined` takes the index whole. */
  platforms: readonly Platform[] | undefined;
  /** Whether somebody asked for these platforms: the source is then read at once, and they are told where an image that no index has chosen is for another one. @default {false} */
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
  // A source on disk is looked at first: that it is not there should not cost a request.
  const local = source.path === undefined ? undefined : await source.resolve();
  const pointer = await destination.pointer();
  if (pointer === undefined) options.onDiffers?.();
  const survey = new CopySurvey(source, destination, pointer, options);
  const looked = await survey.look();
  if (typeof looked === "function") return looked;
  const standing = pointer === undefined ? undefined : await destination.standing(pointer);
  return await survey.compare(local ?? looked ?? await source.resolve(standing), standing);
}

/** Both sides of a copy, as they are looked at. */
class CopySurvey {
  readonly #source: ImageSource;
  readonly #destination: ImageDestination;
  /** What the destination's name points to. */
  readonly #pointer: Digest | undefined;
  readonly #options: PlanCopyOptions;
  readonly #walk: ManifestWalk;
  /** Whether more is asked for than that both sides are the same. */
  readonly #deep: boolean;

  constructor(
    source: ImageSource,
    destination: ImageDestination,
    pointer: Digest | undefined,
    options: PlanCopyOptions,
  ) {
    this.#source = source;
    this.#destination = destination;
    this.#pointer = pointer;
    this.#options = options;
    this.#walk = new ManifestWalk(source, destination, options);
    this.#deep = options.verifyExisting === true || options.referrers === true;
  }

  /** Settles a copy of which both sides say, unread, that they are the same; or gives what the source resolved to, where that was told. */
  async look(): Promise<SettleCopy | Manifest | undefined> {
    const { described, complete } = this.#destination;
    if (described === undefined || !complete || this.#deep) return undefined;
    const { platforms, isPlatformAsked = false } = this.#options;
    // Who names platforms most likely has an index in mind: its digest is never that of an image chosen of it, and it is read anyway.
    const isWhole = platforms === undefined ||
      !isPlatformAsked && !isIndexType(described.mediaType);
    if (!isWhole) return undefined;
    const source = this.#source;
    const now = platforms === undefined || source.look === undefined
      ? await source.peek?.()
      : await source.look(described);
    if (typeof now === "object") return now;
    if (now !== described.digest) return undefined;
    return this.#settling({ root: described, resolved: described, same: true });
  }

  /** Compares what the source resolved to with what the destination has, whose manifest stands where that is at hand. */
  async compare(resolved: Manifest, standing: Manifest | undefined): Promise<SettleCopy> {
    const { platforms, onDiffers, signal } = this.#options;
    const pointer = this.#pointer;
    const there = { pointer, standing, signal };
    const choice = await chooseImage(this.#source, resolved, platforms, there);
    this.#source.chosen?.();
    const chosen = await this.#withListed(choice);
    const known = "manifest" in chosen ? chosen.manifest : undefined;
    const stands = known === undefined ? pointer === chosen.descriptor.digest : this.#isRoot(known);
    if (!stands) onDiffers?.();
    if (stands && this.#destination.complete && !this.#deep) {
      for (const blob of known?.blobs ?? []) this.#walk.note(blob);
      const { descriptor: root } = chosen;
      return this.#settling({ root, resolved: describeManifest(resolved), same: true });
    }
    const root = known ?? (await this.#source.manifest(chosen.descriptor));
    if (!stands) await this.#notePlatform(resolved);
    return await this.#lookInto(root, resolved);
  }

  /** Looks for all that an image consists of. */
  async #lookInto(root: Manifest, resolved: Manifest): Promise<SettleCopy> {
    const { referrers, meter } = this.#options;
    const destination = this.#destination;
    const walk = this.#walk;
    await walk.visit(root, 0, new Set());
    if (referrers) await walk.visitReferrers();
    await destination.survey?.(root, this.#source);
    await this.#findBlobs();
    const same = await this.#isSame(root);
    const remark = same ? undefined : destination.remark?.(root);
    if (remark !== undefined) meter.note(remark);
    const lists = await readReferrerLists(this.#puts(root, same), destination, walk.whole);
    const list = this.#isListCopy(root) ? { standing: this.#pointer } : undefined;
    const settle = this.#settling({
      root: describeManifest(root),
      resolved: describeManifest(resolved),
      same,
      lists,
      list,
    });
    return async (claims) => {
      this.#claimBlobs(claims);
      return await settle(claims);
    };
  }

  /** Notes which blobs are there, and sound if that is asked for. */
  async #findBlobs(): Promise<void> {
    const { verifyExisting, meter, signal } = this.#options;
    const destination = this.#destination;
    const walk = this.#walk;
    await pooled(walk.blobs.values(), destination.limit, signal, async (blob) => {
      if (!await destination.has(blob, false)) return;
      if (verifyExisting && !await destination.isSound(blob, signal)) {
        meter.note(`${destination.name} has damaged bytes of ${blob.digest}`, "warning");
        return;
      }
      walk.there.add(blob.digest);
    });
  }

  /** Leaves to other copies the blobs that they bring, and brings the rest for them. */
  #claimBlobs(claims: CopyClaims): void {
    const walk = this.#walk;
    for (const digest of walk.blobs.keys()) {
      if (walk.there.has(digest)) continue;
      if (claims.blobs.has(digest)) walk.there.add(digest);
      else claims.blobs.add(digest);
    }
  }

  /** Whether the destination points to a root already, which is sound if that is asked for. */
  async #isSame(root: Manifest): Promise<boolean> {
    const { verifyExisting, signal } = this.#options;
    if (!this.#isRoot(root)) return false;
    if (!verifyExisting || !this.#destination.complete) return true;
    return await this.#destination.isSound(describeManifest(root), signal);
  }

  #isRoot(root: Manifest): boolean {
    const pointer = this.#pointer;
    return pointer !== undefined &&
      (this.#destination.isRoot?.(pointer, root) ?? pointer === root.digest);
  }

  /** The manifests that have to be put. */
  #puts(root: Manifest, same: boolean): PlannedManifest[] {
    const { manifests, blobs, there } = this.#walk;
    const absent = [...manifests.values()].filter(({ depth, present }) => depth > 0 && !present);
    const rootMoves = !same || absent.length > 0 || blobs.size > there.size;
    return rootMoves ? [...absent, manifests.get(root.digest)!] : absent;
  }

  /** Tells who asked for platforms where an image that no index has chosen is for another one. */
  async #notePlatform(resolved: Manifest): Promise<void> {
    const { platforms, isPlatformAsked = false } = this.#options;
    if (!isPlatformAsked || platforms === undefined || resolved.kind !== "image") return;
    const { notePlatform } = await import("./note_platform.ts");
    await notePlatform(this.#source, resolved, { ...this.#options, platforms });
  }

  /** What is wanted; of a list of referrers, with what the destination's own list has besides. */
  async #withListed(chosen: ImageChoice): Promise<ImageChoice> {
    const pointer = this.#pointer;
    if (pointer === undefined || !("manifest" in chosen)) return chosen;
    if (chosen.manifest.digest === pointer || !this.#isListCopy(chosen.manifest)) return chosen;
    const { mergeReferrers } = await import("../registry/merge_referrers.ts");
    const { meter, signal } = this.#options;
    const [destination, deep] = [this.#destination, this.#deep];
    const asked = { destination, pointer, meter, deep, signal };
    const { list: manifest, kept } = await mergeReferrers(chosen.manifest, asked);
    for (const digest of kept) this.#walk.kept.add(digest);
    return { descriptor: describeManifest(manifest), manifest };
  }

  #isListCopy(root: Manifest): boolean {
    return isReferrersName(this.#destination.name) && isReferrersList(this.#source.name, root);
  }

  #settling(found: Omit<SurveyedCopy, "source" | "destination" | "walk">): SettleCopy {
    const [source, destination, walk] = [this.#source, this.#destination, this.#walk];
    return (claims) => settleCopy({ source, destination, walk, ...found }, claims);
  }
}
