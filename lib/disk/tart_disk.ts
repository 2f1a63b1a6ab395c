/**
 * The images of Tart: a disk in layers of fixed length, each an LZ4 stream in Apple's framing, with the digest of its plaintext.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { VerificationError } from "../base/errors.ts";
import { indexLimits } from "../chunk/index_layout.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Manifest } from "../oci/manifest.ts";

const prefix = "application/vnd.cirruslabs.tart.";
const annotation = "org.cirruslabs.tart.";
const largestLayer = 16 * 1024 ** 3;

/** A layer of a Tart disk. */
export interface TartLayer {
  /** The blob. */
  readonly blob: Descriptor;
  /** Where its plaintext belongs. */
  readonly offset: number;
  /** How many bytes that is. */
  readonly size: number;
  /** Their digest. */
  readonly digest: Digest;
}

/** A Tart disk. */
export interface TartDisk {
  /** Its size in bytes. */
  readonly size: number;
  /** Its layers, in their order. */
  readonly layers: readonly TartLayer[];
}

/** Whether a manifest is that of a Tart image. */
export function isTart(manifest: Manifest): boolean {
  return manifest.blobs.some((blob) => blob.mediaType.startsWith(prefix));
}

/**
 * The disk of a Tart image.
 *
 * @throws {VerificationError} if it has none in the format `disk.v2`, or its layers do not add up
 */
export function readTart(manifest: Manifest, name: string): TartDisk {
  const refuse = (state: string, hint?: string) =>
    new VerificationError(`Cannot use the Tart image "${name}": ${state}`, {
      side: "source",
      ...(hint === undefined ? {} : { hint }),
    });
  const disks = manifest.blobs.filter((blob) => blob.mediaType.startsWith(`${prefix}disk.`));
  const other = disks.find((blob) => blob.mediaType !== `${prefix}disk.v2`);
  if (other !== undefined) {
    throw refuse(`it has a layer of type ${other.mediaType}`, "only disk.v2 can be read");
  }
  if (disks.length === 0) throw refuse("it has no disk");
  let offset = 0;
  const sizes = new Map<Digest, number>();
  const layers = disks.map((blob): TartLayer => {
    const said = blob.annotations?.[`${annotation}uncompressed-size`] ?? "";
    const size = /^\d+$/.test(said) ? Number(said) : 0;
    const digest = blob.annotations?.[`${annotation}uncompressed-content-digest`] ?? "";
    if (size === 0 || size > largestLayer) {
      throw refuse(`the layer ${blob.digest} does not say a right uncompressed size`);
    }
    if (!isDigest(digest)) {
      throw refuse(`the layer ${blob.digest} does not say the digest of its content`);
    }
    if ((sizes.get(digest) ?? size) !== size) {
      throw refuse(`two layers of other sizes have the content ${digest}`);
    }
    sizes.set(digest, size);
    const layer = { blob, offset, size, digest };
    offset += size;
    return layer;
  });
  const said = manifest.annotations?.[`${annotation}uncompressed-disk-size`];
  if (said !== undefined && Number(said) !== offset) {
    throw refuse(
      `its layers have ${offset} bytes together, the manifest says ${said.slice(0, 30)}`,
    );
  }
  if (offset > indexLimits.size) throw refuse(`its disk has ${offset} bytes`);
  return { size: offset, layers };
}

/** Layers, those with the same content together, in the order of the first of each. */
export function sameLayers(layers: readonly TartLayer[]): [TartLayer, ...TartLayer[]][] {
  const same = new Map<Digest, [TartLayer, ...TartLayer[]]>();
  for (const layer of layers) {
    const others = same.get(layer.digest);
    if (others === undefined) same.set(layer.digest, [layer]);
    else others.push(layer);
  }
  return [...same.values()];
}
