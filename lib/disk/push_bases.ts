import type { Digest } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import type { Cache } from "../cache/cache.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { ImageReference } from "../oci/reference.ts";
import { isDisk, loadDisk, resolveDisk } from "./disk_image.ts";
import type { DiskSource, DiskStore } from "./disk_store.ts";
import { nearbyBase, type NearbyBaseOptions } from "./nearby_base.ts";
import type { PushBase } from "./usable_packs.ts";

/** What {@linkcode findPushBases} works with. */
export interface PushBasesOptions {
  /** Where the push goes. */
  readonly reference: ImageReference;
  /** The same, opened. */
  readonly store: DiskStore;
  /** What that means now, if anything. */
  readonly current: Manifest | undefined;
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

/** The disks that a push can build on. */
export interface PushBases {
  /** What the destination means now, where that is a sound disk; also where it is to be packed afresh. */
  readonly before: PushBase | undefined;
  /** Those whose packs can be named again, the one of the destination first. */
  readonly found: readonly PushBase[];
}

/** What a reference means before a push. */
export interface Standing {
  /** The manifest, where there is one that can be read. */
  readonly manifest: Manifest | undefined;
  /** Its digest, also where it cannot be read. */
  readonly pointer: Digest | undefined;
}

/** What a push is about to replace; a manifest that cannot be read is replaced as well. */
export async function standingAt(store: DiskStore, meter: Meter): Promise<Standing> {
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

/**
 * Finds the disks that a file may be another version of: what the destination means now and those that were asked for, else the latest one of
 * the same repository or layout that is cut alike.
 *
 * @throws {VerificationError} if a disk that was asked for is damaged
 */
export async function findPushBases(of: PushBasesOptions): Promise<PushBases> {
  const { reference, store, current } = of;
  const before = current !== undefined && isDisk(current)
    ? await loadSound(store, of, current)
    : undefined;
  if (of.repack) return { before, found: [] };
  const found = [...(before === undefined ? [] : [before]), ...await loadNamed(of)];
  if (found.length > 0) return { before, found };
  const nearby = await nearbyBase({
    cache: of.cache,
    reference,
    current: current?.digest,
    wanted: await of.wanted(),
    load: (digest) => loadSound(of.openBeside({ ...reference, digest }), of),
  });
  return { before, found: nearby === undefined ? [] : [nearby] };
}

async function loadNamed(of: PushBasesOptions): Promise<PushBase[]> {
  const named: PushBase[] = [];
  for (const base of of.bases) {
    const store = await of.openSource(base);
    named.push({ store, image: await loadDisk(store, await resolveDisk(store), of) });
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
    return manifest && { store, image: await loadDisk(store, manifest, of) };
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    of.meter.note(`${error.message}; nothing of it is named again`, "warning");
    return undefined;
  }
}
