/**
 * The manifest of a chunked disk, as FORMAT.md says.
 *
 * @module
 */
import { type Digest, sha256 } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import type { DiskIndex } from "./chunk_table.ts";
import { digestAt } from "./digest_column.ts";

/** The types that a chunked disk is made of. */
export const DiskType = {
  /** The artifact. */
  artifact: "application/vnd.kedge.disk.v1",
  /** The chunk index. */
  index: "application/vnd.kedge.disk.index.v1",
  /** A pack. */
  pack: "application/vnd.kedge.disk.pack.v1",
  /** The config of an artifact that has none. */
  config: "application/vnd.oci.empty.v1+json",
} as const;

/** What points to a blob. */
export interface DiskBlob {
  /** Its type. */
  readonly mediaType: string;
  /** Its sha256. */
  readonly digest: Digest;
  /** Its size in bytes. */
  readonly size: number;
}

/** The bytes of the empty config. */
export const emptyConfig: Uint8Array<ArrayBuffer> = new TextEncoder().encode("{}");

/** The descriptor of the empty config. */
export function configBlob(): DiskBlob {
  return { mediaType: DiskType.config, digest: sha256(emptyConfig), size: emptyConfig.length };
}

/** The descriptors of an index's packs, in their order. */
export function packBlobs(
  index: Pick<DiskIndex, "packDigests" | "packSizes">,
): DiskBlob[] {
  return Array.from(index.packSizes, (size, pack) => ({
    mediaType: DiskType.pack,
    digest: digestAt(index.packDigests, pack),
    size,
  }));
}

/** The bytes of the manifest; the same index gives the same bytes. */
export function encodeDiskManifest(index: DiskIndex, indexBlob: DiskBlob): Uint8Array<ArrayBuffer> {
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    artifactType: DiskType.artifact,
    config: configBlob(),
    layers: [indexBlob, ...packBlobs(index)],
  };
  return new TextEncoder().encode(JSON.stringify(manifest));
}

/**
 * Holds the packs that a manifest lists against those that its index speaks of.
 *
 * @throws {VerificationError} if they are not the same, in the same order
 */
export function checkPacks(
  index: Pick<DiskIndex, "packDigests" | "packSizes">,
  listed: readonly DiskBlob[],
  name: string,
): void {
  const refuse = (state: string) =>
    new VerificationError(`Cannot use the disk "${name}": ${state}`, { side: "source" });
  if (listed.length !== index.packSizes.length) {
    throw refuse(
      `its manifest lists ${listed.length} packs, its index speaks of ${index.packSizes.length}`,
    );
  }
  packBlobs(index).forEach((pack, at) => {
    const { digest, size } = listed[at]!;
    if (digest !== pack.digest || size !== pack.size) {
      throw refuse(
        `its manifest lists the pack ${digest} of ${size} bytes where its index speaks of ` +
          `${pack.digest} of ${pack.size}`,
      );
    }
  });
}
