import { CacheBucket } from "./bucket.ts";

/** Every bucket of this version of kedge; the README of this folder explains each. */
export const buckets = {
  /** Contents by their sha256; the same bytes from two places are here once. */
  blobs: new CacheBucket({
    name: "blobs",
    version: 1,
    kind: "contents",
    description: "contents by digest, read-only",
  }),
  /** Unpacked folders by the digest of their tree; the same tree from two places is here once. */
  archives: new CacheBucket({
    name: "archives",
    version: 1,
    kind: "contents",
    description: "unpacked folders by the digest of their tree, read-only",
  }),
  /** A kexec bundle: URL to digest and validators. */
  kexec: new CacheBucket({
    name: "kexec",
    version: 1,
    kind: "pointers",
    description: "kexec bundles by URL",
  }),
  /** What was learned of images: which one a name means. */
  oci: new CacheBucket({
    name: "oci",
    version: 1,
    kind: "pointers",
    description: "which image a name means",
  }),
  /** Compressed NARs that were packed, by store path and compression. */
  nars: new CacheBucket({
    name: "nars",
    version: 1,
    kind: "pointers",
    description: "packed NARs by store path",
  }),
  /** Chunk indexes and packs of disk images. */
  disks: new CacheBucket({
    name: "disks",
    version: 1,
    kind: "pointers",
    description: "chunk tables of disk images",
  }),
  /** Blobs under the file name that a program wants to see. */
  files: new CacheBucket({
    name: "files",
    version: 1,
    kind: "files",
    description: "blobs under a file name with its suffix",
  }),
  /** Downloads that are not complete. */
  partials: new CacheBucket({
    name: "partials",
    version: 1,
    kind: "work",
    description: "downloads that can be resumed",
  }),
  /** Work under way; what a killed process left is swept by prune. */
  temporary: new CacheBucket({
    name: "tmp",
    version: 1,
    kind: "work",
    description: "work under way",
  }),
  /** Contents that failed their check, kept for a look. */
  quarantine: new CacheBucket({
    name: "quarantine",
    version: 1,
    kind: "work",
    description: "contents that failed their check",
  }),
  /** Lock files, which are never removed while anyone may use the cache. */
  locks: new CacheBucket({
    name: "locks",
    version: 1,
    kind: "keeping",
    description: "lock files of entries",
  }),
  /** What live processes use. */
  leases: new CacheBucket({
    name: "leases",
    version: 1,
    kind: "keeping",
    description: "what live processes use",
  }),
} as const;

/** The bucket that a folder of the cache belongs to; `undefined` for another version's or a stranger's. */
export function bucketOfFolder(folder: string): CacheBucket | undefined {
  return Object.values(buckets).find((bucket) => bucket.folder === folder);
}
