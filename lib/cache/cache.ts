/**
 * The cache folder.
 *
 * Invariants: making a `Cache` touches no disk, and neither does looking something up; the root and its markers are made at
 * the first write; temporary names lie within the root, so that a rename never crosses file systems; locks are taken in
 * the order root (shared), then entry, and lock files are never unlinked; all of it can be moved, since no file in it
 * names the root, but for where Nix looks for a link, which is made anew.
 *
 * @module
 */
import { join, resolve } from "@std/path";
import { TemporaryFolder, temporaryName } from "../base/atomic_file.ts";
import { type Digest, sha256 } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import { isNoRoom, KedgeError, NoRoomError, NotAllowedError } from "../base/errors.ts";
import { type FileLock, lockFile, type LockFileOptions, tryLockFile } from "../base/file_lock.ts";
import { isReadOnly, lookAt } from "../base/files.ts";
import { ArchiveStore } from "./archive_store.ts";
import { BlobStore } from "./blob_store.ts";
import type { CacheBucket } from "./bucket.ts";
import { buckets } from "./buckets.ts";
import type { CacheEntry } from "./cache_entry.ts";
import type { CacheLockOptions } from "./cache_lock.ts";
import { CacheShard } from "./cache_shard.ts";
import type { EntrySchema } from "./entry_schema.ts";
import { Leases } from "./leases.ts";
import { lockTimeoutMs } from "./lock_timeout.ts";
import { writeMarkers } from "./markers.ts";
import { checkOwnFolder } from "./own_folder.ts";
import { Partials } from "./partials.ts";
import { type CacheUse, SharedLock } from "./shared_lock.ts";
import type { Tier } from "./tier.ts";

/** Options of a {@linkcode Cache}. */
export interface CacheOptions {
  /** The root of a read-only cache that is looked into where this one has nothing. */
  lower?: string | undefined;
  /** A team's copy, asked before an origin and lent what came from one. */
  tier?: Tier | undefined;
  /** How long to wait for a lock, in milliseconds. @default {KEDGE_LOCK_TIMEOUT in seconds, else five minutes} */
  lockTimeoutMs?: number | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  now?: (() => number) | undefined;
}

/** The cache folder: buckets of pointers, and contents by digest. */
export class Cache {
  /** The folder's absolute path. */
  readonly dir: string;
  /** The read-only cache below this one. */
  readonly lower?: string;
  /** The team's copy. */
  readonly tier?: Tier;
  /** Contents by digest. */
  readonly blobs: BlobStore;
  /** Unpacked folders by the digest of their tree. */
  readonly archives: ArchiveStore;
  /** Downloads that are not complete. */
  readonly partials: Partials;
  /** What this process and others use. */
  readonly leases: Leases;
  /** When this run began to use the cache, in milliseconds since 1970; what is confirmed later is fresh for the rest of the run. */
  readonly startedMs: number;
  #lockTimeoutMs: number | undefined;
  #now: () => number;
  #use: SharedLock | undefined;
  #marked = false;

  /** Touches no disk; the folder is made at the first write. */
  constructor(dir: string, options: CacheOptions = {}) {
    this.dir = resolve(dir);
    if (options.lower !== undefined) this.lower = resolve(options.lower);
    if (options.tier !== undefined) this.tier = options.tier;
    this.#lockTimeoutMs = options.lockTimeoutMs;
    this.#now = options.now ?? Date.now;
    this.startedMs = this.#now();
    this.blobs = new BlobStore(this);
    this.archives = new ArchiveStore(this);
    this.partials = new Partials(this);
    this.leases = new Leases(this);
  }

  /** The clock, in milliseconds since 1970. */
  now(): number {
    return this.#now();
  }

  /** The pointers of a bucket. */
  bucket(bucket: CacheBucket): CacheShard {
    return new CacheShard({
      dir: join(this.dir, bucket.folder),
      lowerDir: this.lower === undefined ? undefined : join(this.lower, bucket.folder),
      name: bucket.folder,
      host: this,
    });
  }

  /** The pointer of a key in a bucket; `schema` checks what it holds. */
  entry<T>(bucket: CacheBucket, key: string, schema: EntrySchema<T>): CacheEntry<T> {
    return this.bucket(bucket).entry(key, schema);
  }

  /** The bytes of a blob or of an archive, or `undefined`. */
  async sizeOf(digest: Digest): Promise<number | undefined> {
    return await this.blobs.size(digest) ?? await this.archives.size(digest);
  }

  /** A name for work under way that is not there yet; should this process die, the next prune removes what is there then. */
  temporaryPath(name: string): string {
    return temporaryName(join(this.dir, buckets.temporary.folder, name));
  }

  /** A folder for work under way, on the file system of the cache; it is removed when disposed of. */
  async temporaryFolder(name = "work"): Promise<TemporaryFolder> {
    const parent = join(this.dir, buckets.temporary.folder);
    await this.ensure(parent);
    return await TemporaryFolder.make(parent, name);
  }

  /**
   * Takes the lock of a name, for which the lock files of this cache are the meeting place.
   *
   * @throws {TimedOutError} if it stayed taken
   * @throws {KedgeError} if this user may not write to the cache
   */
  async lock(name: string, options: CacheLockOptions = {}): Promise<FileLock> {
    const hex = digestHex(sha256(name));
    const path = join(this.dir, buckets.locks.folder, hex.slice(0, 2), `${hex.slice(0, 40)}.lock`);
    const makeFolder = (folder: string) => this.ensure(folder);
    return await this.#locked(options.purpose, () => this.#lock(path, { makeFolder, ...options }));
  }

  /** Takes the lock of the whole cache: shared by all who use it, exclusive for clean and prune. */
  async lockRoot(options: CacheLockOptions = {}): Promise<FileLock> {
    const { shared, purpose = shared ? "use" : "removal" } = options;
    return await this.#locked(purpose, () => this.#lock(this.rootLockPath, options));
  }

  /** The same for clean and prune, if it is free at once; `undefined` if others use the cache. */
  async tryLockRoot(): Promise<FileLock | undefined> {
    return await this.#locked("removal", () => tryLockFile(this.rootLockPath));
  }

  async #lock(path: string, options: LockFileOptions): Promise<FileLock> {
    return await lockFile(path, { timeoutMs: this.lockTimeoutMs, ...options });
  }

  async #locked<T>(purpose: "use" | "removal" = "use", lock: () => Promise<T>): Promise<T> {
    try {
      return await lock();
    } catch (error) {
      const { cause } = error as { cause?: unknown };
      if (!isReadOnly(cause)) throw error;
      throw new KedgeError(
        `Cannot write to the cache "${this.dir}": ${(cause as Error).message}`,
        {
          cause,
          hint: purpose === "removal"
            ? "run it as the user who owns it, or name another with --cache-dir"
            : "name another with --cache-dir, and this one as KEDGE_CACHE_LOWER to use what is in it; " +
              "what is in it is used as it is, unless --refresh is given",
        },
      );
    }
  }

  /** The lock file of the whole cache. */
  get rootLockPath(): string {
    return join(this.dir, ".lock");
  }

  /**
   * Says that this process uses the cache, until disposed of: clean waits for it, prune removes nothing that is under way. May be
   * called any number of times; the lock is one.
   *
   * @throws {TimedOutError} if a clean or prune of another process took longer than the lock's timeout
   */
  async use(options: { signal?: AbortSignal } = {}): Promise<CacheUse> {
    await this.ensure(this.dir);
    const use = this.#use ??= new SharedLock(
      (signal) => this.lockRoot({ shared: true, signal }),
      () => {
        this.#use = undefined;
        this.leases.drop();
      },
    );
    return await use.hold(options.signal);
  }

  /** Keeps a blob or an archive that has no pointer yet from being pruned while this process says that it uses the cache. */
  async protect(digest: Digest): Promise<void> {
    if (this.#use !== undefined) await this.leases.hold(digest);
  }

  /**
   * Makes the root with its markers, and a folder within it.
   *
   * @throws {UsageError} if the root is a folder of somebody else's
   * @throws {NotAllowedError} if this user may not make the folder
   * @throws {NoRoomError} if the disk has no room for it
   * @throws {KedgeError} if it cannot be made
   */
  async ensure(folder: string): Promise<void> {
    try {
      if (this.#marked && lookAt(folder)?.isDirectory) return;
      if (!this.#marked) checkOwnFolder(this.dir);
      await Deno.mkdir(folder, { recursive: true });
      if (this.#marked) return;
      await writeMarkers(this.dir);
      this.#marked = true;
    } catch (cause) {
      if (cause instanceof KedgeError) throw cause;
      throw unmade(folder, cause);
    }
  }

  /** How long to wait for a lock, in milliseconds. */
  get lockTimeoutMs(): number {
    return this.#lockTimeoutMs ?? lockTimeoutMs();
  }
}

/** What is said of a folder that cannot be made. */
function unmade(folder: string, cause: unknown): KedgeError {
  const isInTheWay = cause instanceof Deno.errors.AlreadyExists ||
    cause instanceof Deno.errors.NotADirectory;
  const other = "name another with --cache-dir or KEDGE_CACHE_DIR";
  const hint = isInTheWay
    ? "something else than a folder is in its place: remove that, or name another with --cache-dir"
    : isNoRoom(cause)
    ? `make room, or ${other}`
    : other;
  const Failure = isNoRoom(cause) ? NoRoomError : isReadOnly(cause) ? NotAllowedError : KedgeError;
  const message = `Cannot make the cache folder "${folder}": ${(cause as Error).message}`;
  return new Failure(message, { cause, hint });
}
