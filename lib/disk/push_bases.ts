import type { Digest } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import type { Cache } from "../cache/cache.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { ImageReference } from "../oci/reference.ts";
import { isDisk, loadChunks, resolveDisk } from "./disk_image.ts";
import type { DiskSource, DiskStore } from "./disk_store.ts";
import { nearbyBase, type NearbyBaseOptions } from "./nearby_base.ts";
import type { PushBase } from "./usable_packs.ts";

/** What {@linkcode findPushBases} works with. */
export interface PushBasesOptions {
  /** Where the push goes. */
  readonly reference: ImageReference;
  /** The same, opened. */
  readonly store: DiskStore;
  /** Disks that were asked for. */
  readonly bases: readonly ImageReference[];
  /** Whether no pack of a disk is to be named again. */
  readonly repack: boolean;
  /** How the file is to be cut; asked for where a disk of the same repository is looked for. */
  readonly wanted: () => Promise<NearbyBaseOptions["wanted"]>;
  /** Opens a disk to be read, wherever it is. */
  readonly openSource: (reference: ImageReference) => Promise<DiskSource>;
  /** Opens a disk beside the one that the push goes to. */
  readonly openBeside: (reference: ImageReference) => DiskSource;
  /** Where disks are noted that were seen. */
  readonly cache: Cache;
  /** Told of disks that are of no use. */
  readonly meter: Meter;
  /** Ends the looking. */
  readonly signal: AbortSignal;
}

/** The disks that a push can build on, and what it replaces. */
export interface PushBases {
  /** The digest of what the destination means now, if anything; also where that cannot be read, and is replaced as well. */
  readonly pointer: Digest | undefined;
  /** What the destination means now, where that is a sound disk; also where it is to be packed afresh. */
  readonly before: PushBase | undefined;
  /** Those whose packs can be named again, the one of the destination first. */
  readonly found: readonly PushBase[];
}

/**
 * Finds the disks that a file may be another version of: what the destination means now and those that were asked for, else the latest one of
 * the same repository or layout that is cut alike.
 *
 * @throws {VerificationError} if a disk that was asked for is damaged
 */
export async function findPushBases(of: PushBasesOptions): Promise<PushBases> {
  const { reference, store } = of;
  const { manifest, pointer } = await standingAt(store, of.meter);
  const before = manifest !== undefined && isDisk(manifest)
    ? await loadSound(store, of, manifest)
    : undefined;
  if (of.repack) return { pointer, before, found: [] };
  const found = [...(before === undefined ? [] : [before]), ...await loadNamed(of)];
  if (found.length > 0) return { pointer, before, found };
  const nearby = await nearbyBase({
    cache: of.cache,
    reference,
    current: pointer,
    wanted: await of.wanted(),
    load: (digest) => loadSound(of.openBeside({ ...reference, digest }), of),
  });
  return { pointer, before, found: nearby === undefined ? [] : [nearby] };
}

/** What a push is about to replace; a manifest that cannot be read is replaced as well. */
async function standingAt(
  store: DiskStore,
  meter: Meter,
): Promise<{ manifest: Manifest | undefined; pointer: Digest | undefined }> {
  try {
    const manifest = await store.resolve();
    return { manifest, pointer: manifest?.digest };
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    const pointer = await store.pointer();
    meter.note(`${error.message}; it is replaced`, "warning");
    return { manifest: undefined, pointer };
  }
}

async function loadNamed(of: PushBasesOptions): Promise<PushBase[]> {
  const named: PushBase[] = [];
  for (const base of of.bases) {
    const store = await of.openSource(base);
    named.push({ store, image: await loadChunks(store, await resolveDisk(store), of) });
  }
  return named;
}

/** A disk that nobody asked for by name, which a push can do without. */
async function loadSound(
  store: DiskSource,
  of: PushBasesOptions,
  known?: Manifest,
): Promise<PushBase | undefined> {
  try {
    const manifest = known ?? await store.resolve();
    return manifest && { store, image: await loadChunks(store, manifest, of) };
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    of.meter.note(`${error.message}; nothing of it is named again`, "warning");
    return undefined;
  }
}
