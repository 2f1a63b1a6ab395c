/**
 * The cache for those who open one themselves, and the types that stand behind it: buckets, pointers, blobs, locks and leases. Who
 * writes a task function of their own that keeps things in the cache finds here what it is given.
 *
 * @example
 * ```ts
 * import { cacheKexec } from "@kedge/kedge";
 * import { openCache } from "@kedge/kedge/cache";
 *
 * export async function installer(): Promise<string> {
 *   const { path } = await cacheKexec({}, { cache: openCache(".deploy_cache") });
 *   return path;
 * }
 * ```
 *
 * @module
 */
export { type BucketKind, CacheBucket, type CacheBucketOptions } from "./bucket.ts";
export { Cache, type CacheOptions } from "./cache.ts";
export { Lockfile, type LockfileOptions, type Pin } from "./lockfile.ts";
export { openCache } from "./open_cache.ts";
export type { ArchiveStore, CachedArchive, PersistArchiveOptions } from "./archive_store.ts";
export type {
  BlobStore,
  BlobStoreHost,
  ExpectedBlob,
  PersistFileOptions,
  PersistOptions,
} from "./blob_store.ts";
export type { CachedBlob } from "./cached_blob.ts";
export type { CacheEntry, EntryHost, WriteEntryOptions } from "./cache_entry.ts";
export type { CacheLockOptions } from "./cache_lock.ts";
export type { CacheShard } from "./cache_shard.ts";
export type { CacheUse } from "./shared_lock.ts";
export type { EntryLookup, EntryMiss, EntryRecord } from "./entry_record.ts";
export type { EntrySchema, SchemaResult } from "./entry_schema.ts";
export type { Leases, LeasesHost } from "./leases.ts";
export type { Leased } from "./read_leases.ts";
export type { Partials, PartialsHost } from "./partials.ts";
export type { FileLock } from "../base/file_lock.ts";
export type { ArchiveMember, WriteTreeOptions } from "./write_tree.ts";
export type { TemporaryFolder } from "../base/atomic_file.ts";
export type { Validators } from "../http/validators.ts";
