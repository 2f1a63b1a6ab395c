/**
 * A disk of a registry or a layout: its manifest and its index, checked against each other.
 *
 * @module
 */
import { KedgeError, VerificationError } from "../base/errors.ts";
import { freeMemory } from "../base/free_memory.ts";
import type { Meter } from "../base/meter.ts";
import type { Cache } from "../cache/cache.ts";
import type { DiskChunks, DiskIndex } from "../chunk/chunk_table.ts";
import { wholeIndex } from "../chunk/decode_index.ts";
import { checkPacks, type DiskBlob, DiskType } from "../chunk/disk_manifest.ts";
import type { IndexHead } from "../chunk/read_index.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { DiskSource } from "./disk_store.ts";
import { fetchIndex } from "./fetch_index.ts";
import type { TakeIndex } from "./read_pieces.ts";
import { isTart } from "./tart_disk.ts";

/** A disk that is there, and what was made of its index. */
export interface DiskRead<T> {
  /** Its manifest. */
  readonly manifest: Manifest;
  /** Its index. */
  readonly index: T;
  /** The index as it is stored, where it was asked for. */
  readonly indexBytes: Uint8Array<ArrayBuffer> | undefined;
  /** The blob that holds the index. */
  readonly indexBlob: DiskBlob;
  /** Its packs, in the order of the index. */
  readonly packs: readonly DiskBlob[];
  /** How many bytes were fetched to know all this. */
  readonly fetchedBytes: number;
}

/** A disk that is there. */
export type DiskImage = DiskRead<DiskIndex>;

/** A disk of which only the chunks are of use. */
export type DiskChunksImage = Omit<DiskRead<DiskChunks>, "indexBytes">;

/** What {@linkcode loadDisk} works with. */
export interface LoadDiskOptions {
  /** Holds indexes. */
  readonly cache: Cache;
  /** Told of what is fetched. */
  readonly meter: Meter;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Whether the index is wanted as it is stored, too, which takes as much memory again. @default {false} */
  readonly keepsBytes?: boolean;
}

/** Whether a manifest is that of a chunked disk. */
export function isDisk(manifest: Manifest): boolean {
  return manifest.artifactType === DiskType.artifact;
}

/** The manifest that a reference means. */
export async function resolveDisk(store: DiskSource): Promise<Manifest> {
  const manifest = await store.resolve();
  if (manifest !== undefined) return manifest;
  throw new KedgeError(`Cannot find "${store.name}": there is no such image`, {
    side: "source",
    hint: "check the repository and the tag; disk:push makes one",
    data: { reference: store.name },
  });
}

/**
 * Reads the index of a disk, out of the cache where it is there.
 *
 * @throws {VerificationError} if the manifest is of something else, or index and manifest contradict each other
 */
export async function loadDisk(
  store: DiskSource,
  manifest: Manifest,
  of: LoadDiskOptions,
): Promise<DiskImage> {
  return await readDisk(store, manifest, of, wholeIndex);
}

/** {@linkcode loadDisk}, of which only what `take` makes of the index is kept. */
export async function readDisk<T>(
  store: DiskSource,
  manifest: Manifest,
  of: LoadDiskOptions,
  take: TakeIndex<T>,
): Promise<DiskRead<T>> {
  if (!isDisk(manifest)) {
    throw new VerificationError(`Cannot use "${store.name}" as a disk: it is ${kindOf(manifest)}`, {
      side: "source",
      hint: isTart(manifest)
        ? "disk:pull and disk:verify read it; it has no chunks"
        : "disk:push makes disks; image:sync copies any image",
    });
  }
  const [, indexBlob, ...packs] = manifest.blobs;
  if (indexBlob?.mediaType !== DiskType.index) {
    throw new VerificationError(
      `Cannot use the disk "${store.name}": its first layer is not an index`,
    );
  }
  let head: IndexHead | undefined;
  const options = { ...of, packs: packs.length };
  const read = await fetchIndex(store, indexBlob, options, (read) => take(head = read));
  checkPacks(head!, packs, store.name);
  const { index, bytes: indexBytes, fetchedBytes } = read;
  return { manifest, index, indexBytes, indexBlob, packs, fetchedBytes };
}

/** {@linkcode loadDisk}, and gives back the memory of the rows. */
export async function loadChunks(
  store: DiskSource,
  manifest: Manifest,
  of: LoadDiskOptions,
): Promise<DiskChunksImage> {
  const { index: { rows, rowOffsets, ...index }, indexBytes: _, ...image } = await loadDisk(
    store,
    manifest,
    of,
  );
  freeMemory(rows);
  freeMemory(rowOffsets);
  return { ...image, index };
}

function kindOf(manifest: Manifest): string {
  if (manifest.kind === "index") return "a list of images";
  if (isTart(manifest)) return "an image of Tart";
  const { artifactType } = manifest;
  return artifactType === undefined ? "a container image" : `an artifact of type ${artifactType}`;
}
