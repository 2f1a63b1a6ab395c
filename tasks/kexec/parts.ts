import { join } from "@std/path";
import { type Digest, sameDigest } from "../../lib/base/digest.ts";
import { VerificationError } from "../../lib/base/errors.ts";
import { GrowingFile } from "../../lib/base/growing_file.ts";
import type { CachedBlob } from "../../lib/cache/cached_blob.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import type { Cache } from "../../lib/cache/cache.ts";
import { DownloadEntry } from "../../lib/cache/download_entry.ts";
import { unpackEntry } from "../../lib/cache/unpack_entry.ts";
import type { ArchiveMember } from "../../lib/cache/write_tree.ts";
import { bundleMembers } from "../../lib/kexec/bundle_members.ts";
import { bundleParts } from "../../lib/kexec/bundle_parts.ts";
import type { TaskContext } from "../../lib/runner/context.ts";

/** The parts of a kexec bundle, unpacked in the cache: read-only, and not executable, since nothing is run from there. */
export interface KexecParts {
  /** The kernel: `kexec/bzImage`. */
  kernel: string;
  /** The initial ramdisk: `kexec/initrd`. */
  initrd: string;
  /** The folder that the bundle was unpacked into; the same one for every bundle of the same files. */
  dir: string;
  /** The digest of that folder's tree. */
  tree: Digest;
}

/** Unpacks the bundle of a URL in the cache, or finds it unpacked there; gives what of the result that changes. */
export async function unpackParts(
  { changed, digest, why }: { changed: boolean; digest: Digest; why: string },
  url: string,
  context: TaskContext,
): Promise<{ changed: boolean; why: string; parts: KexecParts }> {
  const { parts, isNew } = await partsOf(url, digest, context);
  return { parts, changed: changed || isNew, why: isNew ? `${why}; its parts were unpacked` : why };
}

/** What of the result of a dry run is different where the bundle is still to be unpacked. */
export async function foreseeParts(
  { changed, digest, why }: { changed: boolean; digest?: Digest; why: string },
  url: string,
  { cache }: TaskContext,
): Promise<{ changed: boolean; why: string }> {
  if (digest !== undefined && await isUnpacked(cache, url, digest)) return { changed, why };
  return { changed: true, why: `${why}; its parts would be unpacked` };
}

async function partsOf(
  url: string,
  digest: Digest,
  { cache, signal }: TaskContext,
): Promise<{ parts: KexecParts; isNew: boolean }> {
  const entry = new DownloadEntry(cache, buckets.kexec, url);
  const blob = await cache.blobs.find(digest);
  if (blob === undefined) {
    throw new VerificationError(
      `Cannot unpack "${entry.key}": its contents are gone from the cache`,
    );
  }
  const { archive, isNew } = await unpackEntry(cache, entry, blob, {
    members: (each) => wholeBundle(each, entry.name, signal),
    signal,
  });
  const at = (path: string) => join(archive.path, ...path.split("/"));
  const parts = { kernel: at("kexec/bzImage"), initrd: at("kexec/initrd") };
  return { parts: { ...parts, dir: archive.path, tree: archive.digest }, isNew };
}

/** Whether the bundle of a URL lies unpacked in the cache, as far as can be told without reading it. */
async function isUnpacked(cache: Cache, url: string, digest: Digest): Promise<boolean> {
  const record = (await new DownloadEntry(cache, buckets.kexec, url).entry.read())?.value;
  return record?.unpacked !== undefined && sameDigest(record.digest, digest) &&
    await cache.archives.find(record.unpacked.tree) !== undefined;
}

/** The members of a bundle; fails at their end where they are not all that a bundle has. */
async function* wholeBundle(
  blob: CachedBlob,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<ArchiveMember> {
  const missing = new Set<string>(bundleParts);
  for await (const member of bundleMembers(await GrowingFile.whole(blob.path), { name, signal })) {
    if (member.type === "file") missing.delete(member.path);
    yield member;
  }
  if (missing.size === 0) return;
  throw new VerificationError(`Cannot unpack "${name}": it lacks ${[...missing].join(", ")}`, {
    hint: "a kexec bundle is a tarball of kexec/*",
  });
}
