import { sameDigest } from "../base/digest.ts";
import { defined } from "../base/defined.ts";
import type { CachedArchive } from "./archive_store.ts";
import type { CachedBlob } from "./cached_blob.ts";
import type { Cache } from "./cache.ts";
import type { DownloadEntry } from "./download_entry.ts";
import type { ArchiveMember } from "./write_tree.ts";

/** Options of {@linkcode unpackEntry}. */
export interface UnpackEntryOptions {
  /** Reads the members of the contents; throws if they are not what they should be. */
  members: (blob: CachedBlob) => AsyncIterable<ArchiveMember>;
  /** Ends the work. */
  signal?: AbortSignal;
}

/**
 * The unpacked folder of a downloaded file: the one that is there, if it is as it was unpacked, else one that is unpacked now.
 * It is leased to this process, and the entry refers to it.
 *
 * @throws {VerificationError} if a member is unsafe, or `members` says that they are not what they should be
 * @throws {TimedOutError} if another process held the entry for longer than the lock's timeout
 */
export async function unpackEntry(
  cache: Cache,
  entry: DownloadEntry,
  blob: CachedBlob,
  options: UnpackEntryOptions,
): Promise<{ archive: CachedArchive; isNew: boolean }> {
  const signal = defined({ signal: options.signal });
  const present = await findUnpacked(cache, entry, blob, signal);
  if (present !== undefined) return { archive: present, isNew: false };
  using _use = await cache.use(signal);
  using _lock = await entry.entry.lock(signal);
  const meanwhile = await findUnpacked(cache, entry, blob, signal);
  if (meanwhile !== undefined) return { archive: meanwhile, isNew: false };
  const archive = await cache.archives.persist(options.members(blob), signal);
  await cache.leases.take(archive.digest);
  await entry.noteUnpacked(archive);
  return { archive, isNew: true };
}

async function findUnpacked(
  cache: Cache,
  entry: DownloadEntry,
  blob: CachedBlob,
  signal: { signal?: AbortSignal },
): Promise<CachedArchive | undefined> {
  const record = await entry.entry.read();
  const { unpacked } = record?.value ?? {};
  if (unpacked === undefined || !sameDigest(record!.value.digest, blob.digest)) return undefined;
  await cache.leases.take(unpacked.tree);
  const found = await cache.archives.findSound(unpacked.tree, unpacked.stamp, signal);
  if (found !== undefined && found.stamp !== unpacked.stamp) await entry.noteUnpacked(found);
  return found;
}
