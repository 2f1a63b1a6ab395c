import { sha256 } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import type { Layout } from "./layout.ts";
import type { Manifest } from "./manifest.ts";
import { isDockerType, MediaType } from "./media_type.ts";

/** What Docker's types of blobs are called by OCI, which means the same bytes by them. */
const ociTypes: Readonly<Record<string, string>> = {
  "application/vnd.docker.container.image.v1+json": MediaType.ociConfig,
  "application/vnd.docker.image.rootfs.diff.tar": MediaType.ociLayer,
  "application/vnd.docker.image.rootfs.diff.tar.gzip": MediaType.ociLayerGzip,
  "application/vnd.docker.image.rootfs.diff.tar.zstd": `${MediaType.ociLayer}+zstd`,
};

/**
 * Gives the image of a manifest in a layout a name under which podman finds it: in a layout it looks for no manifest of Docker's types, as
 * those of Docker Hub are. Then it is noted with OCI's types; its blobs, and so the image, stay the same.
 *
 * @throws {VerificationError} if the layout lacks the manifest, or it is none of an image
 */
export async function pointOci(layout: Layout, name: string, digest: Digest): Promise<void> {
  const manifest = await layout.manifest(digest);
  if (manifest?.kind !== "image") {
    throw new VerificationError(`Cannot use "${layout.folder}": ${digest} is no image in it`);
  }
  const mediaType = MediaType.ociManifest;
  const bytes = isDockerType(manifest.mediaType) ? asOci(manifest) : manifest.bytes;
  const named = sha256(bytes);
  if (named !== digest) await layout.putBytes(named, bytes);
  await layout.point(name, { mediaType, digest: named, size: bytes.length });
}

function asOci({ blobs }: Manifest): Uint8Array<ArrayBuffer> {
  const [config, ...layers] = blobs.map(({ mediaType, digest, size }) => ({
    mediaType: ociTypes[mediaType] ?? mediaType,
    digest,
    size,
  }));
  const mediaType = MediaType.ociManifest;
  return new TextEncoder().encode(
    JSON.stringify({ schemaVersion: 2, mediaType, config, layers }),
  );
}
