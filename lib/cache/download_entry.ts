/**
 * What the cache has of one file of an origin: a pointer by its URL, a blob by its digest, and the blob under its own name.
 *
 * Invariants: what is found is leased before it is used, so that nobody prunes it meanwhile; contents whose file changed since they
 * were hashed are hashed again, and are not contents where the digest is another; the pointer is written last; the version before
 * the present one stays, to go back to.
 *
 * @module
 */
import { type Digest, sameDigest } from "../base/digest.ts";
import { hashFile } from "../base/hash_file.ts";
import { defined } from "../base/defined.ts";
import type { FreshnessLifetime } from "../http/freshness_lifetime.ts";
import type { Validators } from "../http/validators.ts";
import type { CachedArchive } from "./archive_store.ts";
import type { CachedBlob } from "./cached_blob.ts";
import type { CacheBucket } from "./bucket.ts";
import type { Cache } from "./cache.ts";
import type { CacheEntry } from "./cache_entry.ts";
import type { EntryLookup, EntryRecord } from "./entry_record.ts";
import { type DownloadRecord, downloadRecordSchema, previousOf } from "./download_record.ts";
import { type Freshness, freshnessOf, type FreshnessPolicy } from "./freshness.ts";
import { isNamed, nameBlob, namedFilePath } from "./named_file.ts";
import { fileNameOf, urlKey } from "./url_key.ts";

/** What decides whether it may be used. */
export interface DownloadPolicy extends Omit<FreshnessPolicy, "maxAgeMs"> {
  /** After what time without a confirmation it is asked again, in milliseconds; or as the origin says. @default {never} */
  maxAgeMs?: number | "origin";
  /** Ends the look. */
  signal?: AbortSignal;
}

/** What is there, and whether it may be used. */
export interface KnownFile {
  /** Whether it may be used, and why. */
  freshness: Freshness;
  /** The pointer, where there is one. */
  record?: EntryRecord<DownloadRecord>;
  /** The contents, where they are there. */
  blob?: CachedBlob;
  /** Contents that do not have their digest. */
  damaged?: CachedBlob;
  /** Whether the contents were read and hashed now, since their file is not as it was when they were hashed before. */
  rehashed?: boolean;
}

/** What the cache has of one URL. */
export class DownloadEntry {
  /** What the URL goes by in the cache. */
  readonly key: string;
  /** The file name that the URL ends with. */
  readonly name: string;
  /** Where the file lies under its own name. */
  readonly path: string;
  /** The pointer. */
  readonly entry: CacheEntry<DownloadRecord>;
  #cache: Cache;

  /** Touches no disk. */
  constructor(cache: Cache, bucket: CacheBucket, url: string) {
    this.#cache = cache;
    this.key = urlKey(url);
    this.name = fileNameOf(url);
    this.path = namedFilePath(cache.dir, this.key, this.name);
    this.entry = cache.entry(bucket, this.key, downloadRecordSchema);
  }

  /** What the cache has, and whether it may be used; nothing is written. */
  async look(digest: Digest | undefined, policy: DownloadPolicy): Promise<KnownFile> {
    return await this.#judge(await this.entry.lookup(), digest, policy);
  }

  async #judge(
    { record, miss }: EntryLookup<DownloadRecord>,
    digest: Digest | undefined,
    policy: DownloadPolicy,
  ): Promise<KnownFile> {
    const missing = (
      reason: "absent" | "unreadable" | "contents gone" | "other digest",
      detail: string,
    ) => ({ state: "missing", reason, detail }) as const;
    if (record === undefined) {
      const detail = miss.reason === "absent"
        ? "it is not in the cache"
        : `its entry cannot be read: ${miss.detail}`;
      return { freshness: missing(miss.reason, detail) };
    }
    const { value } = record;
    if (digest !== undefined && !sameDigest(digest, value.digest)) {
      const detail = `the cache has it with the digest ${value.digest}`;
      return { freshness: missing("other digest", detail), record };
    }
    const blob = await this.#cache.blobs.find(value.digest, value.size);
    if (blob === undefined) {
      return {
        freshness: missing("contents gone", "its contents are gone from the cache"),
        record,
      };
    }
    const sound = await this.isSound(blob, value.hashedMs, policy.signal);
    if (sound === "damaged") {
      const detail = "its contents are damaged in the cache";
      return { freshness: missing("contents gone", detail), record, damaged: blob };
    }
    const rehashed = sound === "rehashed";
    const { maxAgeMs: limit, ...rest } = policy;
    const maxAgeMs = limit === "origin" ? value.freshMs ?? 0 : limit;
    const clock = { nowMs: this.#cache.now(), runStartedMs: this.#cache.startedMs };
    return {
      freshness: freshnessOf(value.checkedMs, { ...rest, ...defined({ maxAgeMs }) }, clock),
      record,
      blob,
      rehashed,
    };
  }

  /** The same; what is there is leased to this process. */
  async lookUnderLease(digest: Digest | undefined, policy: DownloadPolicy): Promise<KnownFile> {
    const found = await this.entry.lookup();
    if (found.record !== undefined) await this.#cache.leases.take(found.record.value.digest);
    const known = await this.#judge(found, digest, policy);
    if (known.damaged !== undefined) await this.#quarantine(known.damaged);
    return known;
  }

  /** Whether a blob may be believed: its file is as it was when it was hashed, or it has its digest now. */
  async isSound(
    blob: CachedBlob,
    hashedMs: number | undefined,
    signal?: AbortSignal,
  ): Promise<"unchanged" | "rehashed" | "damaged"> {
    const changed = blob.changedMs ?? await changedMs(blob.path);
    if (changed === hashedMs) return "unchanged";
    const { digest } = await hashFile(blob.path, defined({ signal }));
    return sameDigest(digest, blob.digest) ? "rehashed" : "damaged";
  }

  /** A blob of this digest, from wherever it came, if it has its digest; a damaged one is moved away unless `keep` is set. */
  async findSound(
    digest: Digest,
    { keep, signal }: { keep: boolean; signal: AbortSignal },
  ): Promise<CachedBlob | undefined> {
    const blob = await this.#cache.blobs.find(digest);
    if (blob === undefined || await this.isSound(blob, undefined, signal) !== "damaged") {
      return blob;
    }
    if (!keep) await this.#quarantine(blob);
    return undefined;
  }

  async #quarantine(blob: CachedBlob): Promise<void> {
    const { quarantineContents } = await import("./quarantine.ts");
    await quarantineContents(this.#cache, blob);
  }

  /** Puts the file under its name and writes the pointer. */
  async write(
    blob: CachedBlob,
    options: {
      validators?: Validators;
      lifetime?: FreshnessLifetime | undefined;
      before?: DownloadRecord | undefined;
      by: string;
    },
  ): Promise<void> {
    const { validators = {}, before, by } = options;
    await this.putName(blob);
    const now = this.#cache.now();
    const previous = previousOf(before, blob.digest);
    const { unpacked, storeRoot } = before?.digest === blob.digest ? before : {};
    const spare = [
      ...(unpacked === undefined ? [] : [unpacked.tree]),
      ...previous.flatMap(({ digest, tree }) => tree === undefined ? [digest] : [digest, tree]),
    ];
    await this.entry.write({
      digest: blob.digest,
      size: blob.size,
      name: this.name,
      fetched: new Date(now).toISOString(),
      checkedMs: now,
      hashedMs: await changedMs(blob.path),
      ...validators,
      ...lifetimeFields(options.lifetime),
      ...defined({ unpacked, storeRoot }),
      ...(previous.length === 0 ? {} : { previous }),
    }, { refs: [blob.digest, ...spare], spare, by });
  }

  /** Puts the file under its name, unless it is there. */
  async putName(blob: CachedBlob): Promise<void> {
    if (await isNamed(this.path, blob)) return;
    await nameBlob(this.path, blob, (folder) => this.#cache.ensure(folder));
  }

  /** Notes that the origin confirmed what is there; what it did not say of the lifetime anew stays as it was. */
  async confirm(validators: Validators, lifetime: Partial<FreshnessLifetime>): Promise<void> {
    await this.entry.update({
      checkedMs: this.#cache.now(),
      ...validators,
      ...lifetimeFields(lifetime),
    });
  }

  /** Notes into which folder the contents were unpacked. */
  async noteUnpacked({ digest, stamp }: CachedArchive): Promise<void> {
    await this.entry.update({ unpacked: { tree: digest, stamp } }, [digest]);
  }

  /** Notes which link keeps the contents in the Nix store; an empty text says that none does any more. */
  async noteStoreRoot(storeRoot: string): Promise<void> {
    await this.entry.update({ storeRoot });
  }

  /** Notes that the contents were hashed as their file is now. */
  async noteHashed(blob: CachedBlob): Promise<void> {
    await this.entry.update({ hashedMs: await changedMs(blob.path) });
  }
}

function lifetimeFields(
  { freshMs, mayBeStale }: Partial<FreshnessLifetime> = {},
): { freshMs?: number; mustRevalidate?: boolean } {
  return defined({ freshMs, mustRevalidate: mayBeStale === undefined ? undefined : !mayBeStale });
}

async function changedMs(path: string): Promise<number> {
  return (await Deno.stat(path)).mtime?.getTime() ?? 0;
}
