/** The media types that an image is made of. */
export const MediaType = {
  /** An image for one platform. */
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  /** A list of manifests, one for each platform. */
  ociIndex: "application/vnd.oci.image.index.v1+json",
  /** The configuration of an image. */
  ociConfig: "application/vnd.oci.image.config.v1+json",
  /** A layer as it is. */
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  /** A gzipped layer. */
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  /** The artifact manifest of the release candidates of 1.1. */
  ociArtifact: "application/vnd.oci.artifact.manifest.v1+json",
  /** The config of an artifact that has none. */
  empty: "application/vnd.oci.empty.v1+json",
  /** Docker's image manifest, version 2 schema 2. */
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  /** Docker's list of manifests. */
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
} as const;

/** What an `Accept` header asks for when any manifest will do. */
export const manifestTypes: readonly string[] = [
  MediaType.ociManifest,
  MediaType.ociIndex,
  MediaType.dockerManifest,
  MediaType.dockerList,
  MediaType.ociArtifact,
];

/** Whether this is the type of a list of manifests. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === MediaType.ociIndex || mediaType === MediaType.dockerList;
}

/** Whether this is a type of Docker's, from before there were those of OCI. */
export function isDockerType(mediaType: string): boolean {
  return mediaType === MediaType.dockerManifest || mediaType === MediaType.dockerList;
}

/** Whether this is the type of something that points to further content: a manifest or an index. */
export function isManifestType(mediaType: string): boolean {
  return manifestTypes.includes(mediaType);
}

/** Whether this is the type of a layer that registries do not hold; its manifest says where it is. */
export function isForeignType(mediaType: string): boolean {
  return mediaType === "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" ||
    mediaType.startsWith("application/vnd.oci.image.layer.nondistributable.");
}
