/**
 * The types that stand behind `Cache`: buckets, pointers, blobs, locks and leases. Who writes a task function of their own that
 * keeps things in the cache finds here what it is given.
 *
 * @module
 */
export type { ArchiveStore, CachedArchive, PersistArchiveOptions } from "./archive_store.ts";
export type {
  BlobStore,
  BlobStoreHost,
  CachedBlob,
  ExpectedBlob,
  PersistOptions,
} from "./blob_store.ts";
export type { BucketKind, CacheBucket, CacheBucketOptions } from "./bucket.ts";
export type {
  CacheEntry,
  EntryHost,
  EntryLookup,
  EntryMiss,
  EntryRecord,
  WriteEntryOptions,
} from "./cache_entry.ts";
export type { CacheLockOptions } from "./cache_lock.ts";
export type { CacheShard } from "./cache_shard.ts";
export type { CacheUse } from "./cache_use.ts";
export type { EntrySchema, SchemaResult } from "./entry_schema.ts";
export type { Leases, LeasesHost } from "./leases.ts";
export type { Partials, PartialsHost } from "./partials.ts";
export type { FileLock } from "../base/file_lock.ts";
export type { ArchiveMember, WriteTreeOptions } from "./write_tree.ts";
export type { TemporaryFolder } from "../base/atomic_file.ts";
export type { Validators } from "../http/validators.ts";
