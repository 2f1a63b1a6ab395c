/**
 * Finds out what a copy of an image has to move.
 *
 * Invariants: nothing is written; what the name of the source points to is asked once and pinned by its digest; every manifest is
 * walked at most once, to a depth of 8; what a manifest says of a child must be true of it; one digest has one size.
 *
 * @module
 */
import { type Digest, digestHex } from "../base/digest.ts";
import { KedgeError, VerificationError } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import { formatBytes } from "../base/bytes.ts";
import type { Descriptor, Platform } from "./descriptor.ts";
import type { ImageDestination, ImageSource } from "./image_store.ts";
import { describeManifest, type Manifest, parseManifest } from "./manifest.ts";
import { isForeignType, isManifestType } from "./media_type.ts";
import { formatPlatform, selectPlatform } from "./platform.ts";
import { fixedLimit, tighter } from "./pace.ts";
import { pooled } from "./pooled.ts";

/** What is to be copied of an image, and how. */
export interface PlanCopyOptions {
  /** The platforms that are wanted of an index; `undefined` takes the index whole. */
  platforms: readonly Platform[] | undefined;
  /** Whether what is attached to the manifests is copied along: signatures, lists of parts. @default {false} */
  referrers?: boolean | undefined;
  /** Whether what the destination has is read and hashed. @default {false} */
  verifyExisting?: boolean | undefined;
  /** Told of what is left out. */
  meter: Meter;
  /** Ends the planning. */
  signal: AbortSignal;
}

/** One manifest of a copy. */
export interface PlannedManifest {
  /** The manifest. */
  readonly manifest: Manifest;
  /** How far below the root it is. */
  readonly depth: number;
  /** Whether it is at the destination already. */
  readonly present: boolean;
}

/** What a copy has to move. */
export interface CopyPlan {
  /** Whether there is anything to do. */
  changed: boolean;
  /** Bytes of blobs and manifests that will move. */
  bytesToMove: number;
  /** Bytes that are at the destination already, or get there without being moved. */
  bytesToReuse: number;
  /** Sizes are known before: always true. */
  exact: boolean;
  /** Requests that the copy will cost. */
  requests: number;
  /** The evidence, in one sentence. */
  why: string;
  /** Every blob and manifest. */
  objects: { label: string; sizeBytes: number; state: "missing" | "present" }[];
  /** Bytes of what is at the destination as a whole. */
  readonly standingBytes: number;
  /** What the destination will point to. */
  readonly root: Descriptor;
  /** What the name of the source pointed to. */
  readonly resolved: Digest;
  /** The manifests, children before those that point to them; the root is the last. */
  readonly manifests: readonly PlannedManifest[];
  /** The blobs to be moved. */
  readonly missing: readonly Descriptor[];
  /** The blobs that are there. */
  readonly present: readonly Descriptor[];
}

const deepest = 8;
const mostConcurrent = 64;
const mostManifests = 10_000;

/** What turns what was found into a plan, given the blobs that other copies bring to the same place; those that this one brings are added. */
export type SettleCopy = (claimed: Set<Digest>) => Promise<CopyPlan>;

/** Looks at both sides of a copy; plans of several copies are then settled in a fixed order. */
export async function surveyCopy(
  source: ImageSource,
  destination: ImageDestination,
  options: PlanCopyOptions,
): Promise<SettleCopy> {
  const { signal } = options;
  // A source on disk is looked at first: that it is not there should not cost a request.
  const local = source.path === undefined ? undefined : await source.resolve();
  const pointer = await destination.pointer();
  const standing = pointer === undefined ? undefined : await destination.standing(pointer);
  const resolved = local ?? await source.resolve(standing);
  const chosen = await choose(source, resolved, options.platforms, pointer);
  const walk = new Walk(source, destination, options);
  const known = "manifest" in chosen ? chosen.manifest : undefined;
  if (
    pointer === chosen.descriptor.digest && destination.complete && !options.verifyExisting &&
    !options.referrers
  ) {
    for (const blob of known?.blobs ?? []) walk.note(blob);
    return () => finish(walk, chosen.descriptor, resolved, true, source, destination);
  }
  const root = known ?? (await source.manifest(chosen.descriptor));
  await walk.visit(root, 0, new Set());
  if (options.referrers) await walk.visitReferrers();
  await pooled(walk.blobs.values(), destination.limit, signal, async (blob) => {
    if (!await destination.has(blob, false)) return;
    if (options.verifyExisting && !await destination.isSound(blob, signal)) {
      options.meter.note(`${destination.name} has damaged bytes of ${blob.digest}`, "warning");
      return;
    }
    walk.there.add(blob.digest);
  });
  const same = pointer === root.digest;
  return (claimed) => {
    for (const digest of walk.blobs.keys()) {
      if (walk.there.has(digest)) continue;
      if (claimed.has(digest)) walk.there.add(digest);
      else claimed.add(digest);
    }
    return finish(walk, describeManifest(root), resolved, same, source, destination);
  };
}

type Choice =
  | { readonly descriptor: Descriptor; readonly manifest: Manifest }
  | { readonly descriptor: Descriptor };

/** What of a resolved manifest is wanted: itself, one of its platforms, or an index of some of them. */
async function choose(
  source: ImageSource,
  resolved: Manifest,
  platforms: readonly Platform[] | undefined,
  pointer: Digest | undefined,
  depth = 0,
): Promise<Choice> {
  if (resolved.kind === "image" || platforms === undefined) {
    return { descriptor: describeManifest(resolved), manifest: resolved };
  }
  const chosen = platforms.flatMap((platform) => {
    const found = selectPlatform(resolved.manifests, platform);
    if (found.length > 0) return found;
    const known = resolved.manifests.map((entry) => entry.platform)
      .filter((each) => each !== undefined).map(formatPlatform);
    throw new KedgeError(
      `Cannot find "${source.name}" for ${formatPlatform(platform)}: the index has no such image`,
      {
        side: "source",
        hint: known.length === 0
          ? "copy the whole index with --all-platforms"
          : `it has ${[...new Set(known)].slice(0, 12).join(", ")}`,
      },
    );
  });
  if (chosen.length === 1) {
    const descriptor = chosen[0]!;
    if (descriptor.digest === pointer || depth >= deepest) return { descriptor };
    const manifest = checked(await source.manifest(descriptor), descriptor, source);
    return manifest.kind === "index"
      ? await choose(source, manifest, platforms, pointer, depth + 1)
      : { descriptor, manifest };
  }
  const manifest = narrowed(resolved, chosen, source.name);
  return { descriptor: describeManifest(manifest), manifest };
}

/** An index of some entries of another; the same choice gives the same bytes. */
function narrowed(index: Manifest, entries: readonly Descriptor[], name: string): Manifest {
  const json = JSON.parse(new TextDecoder().decode(index.bytes)) as Record<string, unknown>;
  const wanted = new Set(entries.map((entry) => entry.digest));
  const manifests = (json["manifests"] as Descriptor[]).filter(({ digest }) => wanted.has(digest));
  const bytes = new TextEncoder().encode(JSON.stringify({ ...json, manifests }));
  return parseManifest(bytes, { name, mediaType: index.mediaType });
}

/** Walks manifests and collects what they point to. */
class Walk {
  readonly blobs = new Map<Digest, Descriptor>();
  readonly there = new Set<Digest>();
  readonly manifests = new Map<Digest, PlannedManifest>();
  /** Manifests that are at the destination with all that they point to. */
  readonly whole = new Map<Digest, Descriptor>();
  #source: ImageSource;
  #destination: ImageDestination;
  #options: PlanCopyOptions;
  #seen = new Set<Digest>();

  constructor(source: ImageSource, destination: ImageDestination, options: PlanCopyOptions) {
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
      if (depth + 1 > deepest) {
        throw this.#refused(`its indexes are nested more than ${deepest} deep`);
      }
      if (this.#seen.has(child.digest)) return;
      this.#seen.add(child.digest);
      if (this.#seen.size > mostManifests) {
        throw this.#refused(`it has more than ${mostManifests} manifests`);
      }
      await this.#child(child, depth + 1, below);
    });
    const present = !this.#destination.complete &&
      await this.#destination.has(describeManifest(manifest), true);
    this.manifests.set(manifest.digest, { manifest, depth, present });
  }

  /** What is attached to the manifests, and what is attached to that. */
  async visitReferrers(): Promise<void> {
    const asked = new Set<Digest>();
    for (let depth = 1; depth <= deepest; depth++) {
      const subjects = [...this.manifests.keys(), ...this.whole.keys()]
        .filter((digest) => !asked.has(digest));
      for (const subject of subjects) {
        asked.add(subject);
        for (const referrer of await this.#source.referrers(subject)) {
          if (this.#seen.has(referrer.digest)) continue;
          this.#seen.add(referrer.digest);
          await this.#child(referrer, depth, new Set([subject]));
        }
      }
      if (subjects.length === 0) return;
    }
  }

  async #child(child: Descriptor, depth: number, path: ReadonlySet<Digest>): Promise<void> {
    if (!isManifestType(child.mediaType)) {
      this.#take(child);
      return;
    }
    if (
      this.#destination.complete && !this.#options.verifyExisting &&
      await this.#destination.has(child, true)
    ) {
      this.whole.set(child.digest, child);
      return;
    }
    const manifest = await this.#destination.standing(child.digest) ??
      await this.#source.manifest(child);
    await this.visit(checked(manifest, child, this.#source), depth, path);
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

function checked(manifest: Manifest, descriptor: Descriptor, source: ImageSource): Manifest {
  if (manifest.bytes.byteLength === descriptor.size) return manifest;
  throw new VerificationError(
    `Cannot copy "${source.name}": ${descriptor.digest} has ${manifest.bytes.byteLength} bytes, ` +
      `and its index says ${descriptor.size}`,
    { side: "source" },
  );
}

async function finish(
  walk: Walk,
  root: Descriptor,
  resolved: Manifest,
  same: boolean,
  source: ImageSource,
  destination: ImageDestination,
): Promise<CopyPlan> {
  const blobs = [...walk.blobs.values()];
  const missing = blobs.filter((blob) => !walk.there.has(blob.digest));
  const present = blobs.filter((blob) => walk.there.has(blob.digest));
  const manifests = [...walk.manifests.values()].sort((a, b) => b.depth - a.depth);
  const absent = manifests.filter((each) => !each.present);
  const lacking = absent.filter((each) => !destination.complete || each.depth > 0);
  const changed = !same || missing.length > 0 || lacking.length > 0;
  const mounted = destination.mounts(source);
  const moving = mounted ? [] : missing;
  const standing = [
    ...present,
    ...(mounted ? missing : []),
    ...walk.whole.values(),
    ...manifests.filter((each) => each.present).map((each) => describeManifest(each.manifest)),
    ...(changed || manifests.length > 0 ? [] : [root]),
  ];
  const putting = changed ? absent.map((each) => describeManifest(each.manifest)) : [];
  const puts = changed ? manifests.filter((each) => !each.present || each.depth === 0).length : 0;
  let requests = puts * destination.requestsPerManifest + (source.now === undefined ? 0 : 1);
  let partial = 0;
  for (const blob of changed ? missing : []) {
    requests += await destination.requestsPerPut(blob, source);
    if (!mounted) partial += await destination.partialBytes(blob, source);
  }
  const standingBytes = sumOf(standing) - (mounted ? sumOf(missing) : 0);
  return {
    changed,
    bytesToMove: sumOf(moving) + sumOf(putting) - partial,
    bytesToReuse: sumOf(standing) + partial,
    standingBytes,
    exact: true,
    requests: changed ? requests : 0,
    why: reason(changed, same, missing, blobs.length, mounted, root.digest, destination.name),
    objects: [
      ...missing.map((blob) => plannedObject(blob, "missing")),
      ...putting.map((each) => plannedObject(each, "missing")),
      ...standing.filter((each) => mounted ? !missing.includes(each) : true)
        .map((each) => plannedObject(each, "present")),
    ],
    root,
    resolved: resolved.digest,
    manifests,
    missing,
    present,
  };
}

function sumOf(descriptors: readonly Descriptor[]): number {
  return descriptors.reduce((sum, { size }) => sum + size, 0);
}

function plannedObject(
  { digest, size }: Descriptor,
  state: "missing" | "present",
): CopyPlan["objects"][number] {
  return { label: digest, sizeBytes: size, state };
}

function reason(
  changed: boolean,
  same: boolean,
  missing: readonly Descriptor[],
  count: number,
  mounted: boolean,
  digest: Digest,
  name: string,
): string {
  const short = `sha256:${digestHex(digest).slice(0, 12)}`;
  if (!changed) return `${name} points to ${short} already`;
  if (missing.length === 0) {
    return same
      ? `${name} points to ${short} and lacks a manifest of it`
      : `all ${count} blobs of ${short} are at ${name}, which points elsewhere`;
  }
  const how = mounted ? "another repository of the registry has" : "the destination lacks";
  return `${how} ${missing.length} of ${count} blobs of ${short} (${formatBytes(sumOf(missing))})`;
}
