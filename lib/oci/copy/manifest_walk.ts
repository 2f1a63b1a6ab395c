/**
 * Walks the manifests of an image.
 *
 * Invariants: each is walked at most once, to a depth of 8; what a manifest says of a child must be true of it; one digest has one size.
 *
 * @module
 */
import type { Digest } from "../../base/digest.ts";
import { VerificationError } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import { checkedManifest } from "../checked_manifest.ts";
import type { PlannedManifest } from "./copy_plan.ts";
import type { Descriptor } from "../descriptor.ts";
import type { ImageDestination, ImageSource } from "../image_store.ts";
import {
  deepestManifest,
  describeManifest,
  type Manifest,
  mostManifestBytes,
  mostManifests,
} from "../manifest.ts";
import { isForeignType, isManifestType } from "../media_type.ts";
import { fixedLimit, tighter } from "../../http/pace.ts";
import { pooled } from "../pooled.ts";
import { cosignTags } from "../referrers.ts";

/** What a walk works with. */
export interface ManifestWalkOptions {
  /** Whether what the destination has is looked into nevertheless. @default {false} */
  verifyExisting?: boolean | undefined;
  /** Told of what is left out. */
  meter: Meter;
  /** Ends the walk. */
  signal: AbortSignal;
}

const mostConcurrent = 64;

/** Walks manifests and collects what they point to. */
export class ManifestWalk {
  readonly blobs = new Map<Digest, Descriptor>();
  readonly there = new Set<Digest>();
  readonly manifests = new Map<Digest, PlannedManifest>();
  /** Manifests that are at the destination with all that they point to. */
  readonly whole = new Map<Digest, Descriptor>();
  /** Manifests that are the destination's own, whatever the source has. */
  readonly kept = new Set<Digest>();
  #source: ImageSource;
  #destination: ImageDestination;
  #options: ManifestWalkOptions;
  #seen = new Set<Digest>();
  #tagged = new Set<Digest>();
  #bytes = 0;

  constructor(source: ImageSource, destination: ImageDestination, options: ManifestWalkOptions) {
    this.#source = source;
    this.#destination = destination;
    this.#options = options;
  }

  /** A blob that is known to be there. */
  note(blob: Descriptor): void {
    if (isForeignType(blob.mediaType)) return;
    this.blobs.set(blob.digest, blob);
    this.there.add(blob.digest);
  }

  async visit(manifest: Manifest, depth: number, path: ReadonlySet<Digest>): Promise<void> {
    this.#seen.add(manifest.digest);
    this.#bytes += manifest.bytes.byteLength;
    if (this.#bytes > mostManifestBytes) {
      throw this.#refused(`its manifests have more than ${mostManifestBytes} bytes together`);
    }
    for (const blob of manifest.blobs) this.#take(blob);
    const below = new Set([...path, manifest.digest]);
    const { signal } = this.#options;
    const limit = tighter(
      fixedLimit(depth === 0 ? mostConcurrent : 1),
      tighter(this.#source.limit, this.#destination.limit),
    );
    await pooled(manifest.manifests, limit, signal, async (child) => {
      if (below.has(child.digest)) {
        throw this.#refused(`the index ${manifest.digest} points to itself`);
      }
      if (depth + 1 > deepestManifest) {
        throw this.#refused(`its indexes are nested more than ${deepestManifest} deep`);
      }
      if (this.#seen.has(child.digest)) return;
      this.#seen.add(child.digest);
      if (this.#seen.size > mostManifests) {
        throw this.#refused(`it has more than ${mostManifests} manifests`);
      }
      await this.#child(child, depth + 1, below);
    });
    const present = await this.#stands(describeManifest(manifest), depth);
    this.manifests.set(manifest.digest, { manifest, depth, present });
  }

  /** Whether a manifest need not be put; where all that one points to is there with it, one is looked into only to be verified. */
  async #stands(manifest: Descriptor, depth: number): Promise<boolean> {
    if (!this.#destination.complete) return await this.#destination.has(manifest, true);
    if (!this.#options.verifyExisting || depth === 0) return false;
    return await this.#destination.isSound(manifest, this.#options.signal);
  }

  /** What is attached to the manifests, and what is attached to that. */
  async visitReferrers(): Promise<void> {
    const asked = new Set<Digest>();
    for (let depth = 1; depth <= deepestManifest; depth++) {
      const subjects = [...this.manifests.keys(), ...this.whole.keys()]
        .filter((digest) => !asked.has(digest));
      for (const subject of subjects) {
        asked.add(subject);
        for (const referrer of await this.#source.referrers(subject)) {
          if (this.#seen.has(referrer.digest)) continue;
          this.#seen.add(referrer.digest);
          await this.#child(referrer, depth, new Set([subject]));
        }
        if (this.#tagged.has(subject)) continue;
        for (const tag of cosignTags(subject)) await this.#visitTagged(tag, depth);
      }
      if (subjects.length === 0) return;
    }
  }

  /** A manifest that is found by a tag alone, and must be by the same tag at the destination. */
  async #visitTagged(tag: string, depth: number): Promise<void> {
    const manifest = await this.#source.tagged(tag);
    if (manifest === undefined) return;
    const { digest } = manifest;
    this.#tagged.add(digest);
    if (this.manifests.get(digest)?.depth === 0) return;
    const points = await this.#destination.tagged(tag) === digest;
    if (points && this.#destination.complete && !this.#options.verifyExisting) {
      if (!this.manifests.has(digest)) this.whole.set(digest, describeManifest(manifest));
      return;
    }
    this.whole.delete(digest);
    if (!this.manifests.has(digest)) await this.visit(manifest, depth, new Set());
    const { tags = [], ...planned } = this.manifests.get(digest)!;
    this.manifests.set(digest, {
      ...planned,
      present: points && planned.present,
      tags: [...tags, tag],
    });
  }

  async #child(child: Descriptor, depth: number, path: ReadonlySet<Digest>): Promise<void> {
    if (!isManifestType(child.mediaType)) {
      this.#take(child);
      return;
    }
    const isTrusted = this.#destination.complete && !this.#options.verifyExisting;
    if (this.kept.has(child.digest) || isTrusted && await this.#destination.has(child, true)) {
      this.whole.set(child.digest, child);
      return;
    }
    const manifest = await this.#destination.standing(child.digest) ??
      await this.#source.manifest(child);
    await this.visit(checkedManifest(manifest, child, this.#source.name), depth, path);
  }

  #take(blob: Descriptor): void {
    if (isForeignType(blob.mediaType)) {
      this.#options.meter.note(`${blob.digest} is a foreign layer and stays where it is`);
      return;
    }
    const standing = this.blobs.get(blob.digest);
    if (standing !== undefined && standing.size !== blob.size) {
      throw this.#refused(`${blob.digest} is said to have ${standing.size} and ${blob.size} bytes`);
    }
    this.blobs.set(blob.digest, blob);
  }

  #refused(state: string): VerificationError {
    return new VerificationError(`Cannot copy "${this.#source.name}": ${state}`, {
      side: "source",
    });
  }
}
