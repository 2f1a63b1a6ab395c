/**
 * A disk of a registry or a layout: its manifest and its index, checked against each other.
 *
 * @module
 */
import { type Digest, digestOf } from "../base/digest.ts";
import { KedgeError, VerificationError } from "../base/errors.ts";
import { freeMemory } from "../base/free_memory.ts";
import { ifThere } from "../base/files.ts";
import type { Meter } from "../base/meter.ts";
import type { Cache } from "../cache/cache.ts";
import type { DiskChunks, DiskIndex } from "../chunk/chunk_table.ts";
import { decodeIndex } from "../chunk/decode_index.ts";
import { checkPacks, type DiskBlob, DiskType } from "../chunk/disk_manifest.ts";
import { indexLimits } from "../chunk/index_layout.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { DiskSource } from "./disk_store.ts";
import { fetchIndex } from "./fetch_index.ts";
import { isTart } from "./tart_disk.ts";

/** A disk that is there. */
export interface DiskImage {
  /** Its manifest. */
  readonly manifest: Manifest;
  /** Its index. */
  readonly index: DiskIndex;
  /** The index as it is stored, where it was asked for. */
  readonly indexBytes: Uint8Array<ArrayBuffer> | undefined;
  /** The blob that holds the index. */
  readonly indexBlob: DiskBlob;
  /** Its packs, in the order of the index. */
  readonly packs: readonly DiskBlob[];
  /** How many bytes were fetched to know all this. */
  readonly fetchedBytes: number;
}

/** A disk of which only the chunks are of use. */
export interface DiskChunksImage extends Omit<DiskImage, "index" | "indexBytes"> {
  /** Its index, without the rows. */
  readonly index: DiskChunks;
}

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
  let bytes = await cachedIndex(of.cache, indexBlob);
  let fetchedBytes = 0;
  if (bytes === undefined) {
    ({ bytes, fetchedBytes } = await fetchIndex(store, indexBlob, { ...of, packs: packs.length }));
  }
  const index = readIndex(bytes, store.name);
  checkPacks(index, packs, store.name);
  const indexBytes = of.keepsBytes === true ? bytes : undefined;
  if (indexBytes === undefined) freeMemory(bytes);
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

/** The index, of which an error tells also where it came from. */
function readIndex(bytes: Uint8Array, name: string): DiskIndex {
  try {
    return decodeIndex(bytes);
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause;
    const state = cause.message.slice(cause.message.indexOf(": ") + 2);
    throw new VerificationError(
      `Cannot use the disk "${name}": its chunk index cannot be read: ${state}`,
      { side: "source", hint: cause.hint ?? "disk:push --repack makes a new one", cause },
    );
  }
}

async function cachedIndex(
  cache: Cache,
  blob: { digest: Digest; size: number },
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const found = await cache.blobs.find(blob.digest, blob.size);
  if (found === undefined || blob.size > indexLimits.storedBytes) return undefined;
  const bytes = await ifThere(Deno.readFile(found.path));
  return bytes !== undefined && await digestOf(bytes) === blob.digest ? bytes : undefined;
}

function kindOf(manifest: Manifest): string {
  if (manifest.kind === "index") return "a list of images";
  if (isTart(manifest)) return "an image of Tart";
  const { artifactType } = manifest;
  return artifactType === undefined ? "a container image" : `an artifact of type ${artifactType}`;
}
