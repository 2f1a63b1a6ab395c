/**
 * What live processes use.
 *
 * Invariants: a lease is written before the thing is looked for, and prune reads the leases before it removes anything, both
 * under one lock, so that nothing is removed that was found under a lease; a process has files of its own, named by its identity and
 * only appended to, so that the leases of a dead one count for nothing; a cache that cannot be written needs no leases, since nobody prunes it;
 * on a full disk the file stays without its last line, and such a file of a live process keeps all that there is; a disk that takes no further
 * file has no lease, and what it has may be used all the same.
 *
 * @module
 */
import { join } from "@std/path";
import { defined } from "../base/defined.ts";
import type { Digest } from "../base/digest.ts";
import { isNoRoom } from "../base/errors.ts";
import type { FileLock } from "../base/file_lock.ts";
import { isNotThere, writeAllSync } from "../base/files.ts";
import { formatIdentity, ownIdentity } from "../base/process_identity.ts";
import { buckets } from "./buckets.ts";
import type { CacheLockOptions } from "./cache_lock.ts";
import type { Leased } from "./read_leases.ts";

type Kind = "lease" | "use";

/** What leases need of the cache around them. */
export interface LeasesHost {
  /** The root of the cache. */
  readonly dir: string;
  /** Makes the root, its markers and the given folder. */
  ensure(folder: string): Promise<void>;
  /** Takes the lock of this name. */
  lock(name: string, options?: CacheLockOptions): Promise<FileLock>;
  /** The clock, in milliseconds since 1970. */
  now(): number;
}

/** The name of the lock under which leases are taken (shared) and things removed (exclusive). */
const lockName = "leases";

/** Files of this process, removed when it ends in good order. */
const ownFiles = new Set<string>();
let listening = false;

/** Takes leases for this process, and tells what others lease. */
export class Leases {
  #host: LeasesHost;
  #held = new Map<Digest, Promise<void>>();
  #brief = new Map<Digest, Promise<void>>();
  #next = new Map<Kind, { digests: Set<Digest>; written: Promise<void> }>();
  #cut = new Map<string, string>();
  #nonce = crypto.randomUUID().slice(0, 8);

  /** Touches no disk. */
  constructor(host: LeasesHost) {
    this.#host = host;
  }

  /** The folder of the bucket. */
  get dir(): string {
    return join(this.#host.dir, buckets.leases.folder);
  }

  /** Keeps these from being pruned until this process ends; look for them afterwards. */
  async take(...digests: readonly Digest[]): Promise<void> {
    await this.#append(this.#held, digests, "lease");
  }

  /** Keeps these from being pruned until {@linkcode Leases.drop}: what has no pointer yet. */
  async hold(...digests: readonly Digest[]): Promise<void> {
    await this.#append(this.#brief, digests, "use");
  }

  /** Ends what {@linkcode Leases.hold} began. */
  drop(): void {
    if (this.#brief.size === 0) return;
    this.#brief.clear();
    this.#cut.delete(this.#path("use"));
    removeNow(this.#path("use"));
  }

  /** The lock for removing things: nobody takes a lease while it is held. */
  async lock(signal?: AbortSignal): Promise<FileLock> {
    return await this.#host.lock(lockName, { purpose: "removal", ...defined({ signal }) });
  }

  /** Comes back once all of them are written, whoever asked for them first. */
  async #append(
    known: Map<Digest, Promise<void>>,
    digests: readonly Digest[],
    kind: Kind,
  ): Promise<void> {
    const news = digests.filter((digest) => !known.has(digest));
    const written = news.length === 0 ? undefined : this.#soon(news, kind);
    if (written !== undefined) { for (const digest of news) known.set(digest, written); }
    try {
      await Promise.all(digests.map((digest) => known.get(digest)));
    } catch (error) {
      for (const digest of news) if (known.get(digest) === written) known.delete(digest);
      throw error;
    }
  }

  /** Writes what is asked for while the lock is waited for in one go. */
  #soon(digests: readonly Digest[], kind: Kind): Promise<void> {
    const open = this.#next.get(kind);
    if (open !== undefined) {
      for (const digest of digests) open.digests.add(digest);
      return open.written;
    }
    const batch = new Set(digests);
    const written = this.#write(batch, kind);
    this.#next.set(kind, { digests: batch, written });
    return written;
  }

  async #write(digests: ReadonlySet<Digest>, kind: Kind): Promise<void> {
    try {
      using _lock = await this.#host.lock(lockName, { shared: true });
      const path = this.#path(kind);
      this.#next.delete(kind);
      const lines = [...digests].map((digest) => `${digest}\n`).join("");
      removeAtEnd(path);
      try {
        this.#put(path, lines);
      } catch (error) {
        if (!isNotThere(error)) throw error;
        await this.#host.ensure(this.dir);
        this.#put(path, lines);
      }
    } catch (error) {
      this.#next.delete(kind);
      if (!isReadOnly(error) && !isNoRoom(error)) throw error;
    }
  }

  /** Begins a new line, so that what a full disk cut off before is there too. */
  #put(path: string, lines: string): void {
    const cut = this.#cut.get(path);
    try {
      append(path, cut === undefined ? lines : `\n${cut}${lines}`);
      this.#cut.delete(path);
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      this.#cut.set(path, `${cut ?? ""}${lines}`);
      if (isThere(path)) cutOff(path);
    }
  }

  #path(kind: Kind): string {
    return join(this.dir, `${formatIdentity(ownIdentity())}-${this.#nonce}.${kind}`);
  }

  /** Whether another live process of this machine leases anything. */
  async othersHold(): Promise<boolean> {
    const { othersLease } = await import("./read_leases.ts");
    return await othersLease(this.dir);
  }

  /** What is leased now, and the files of processes that are gone; `inUse` says that others use the cache now. */
  async read(inUse = false): Promise<Leased> {
    const { readLeases } = await import("./read_leases.ts");
    return await readLeases(this.dir, this.#host.now(), inUse);
  }
}

/** Not by `Deno.writeTextFile`, which loads all of the streams for it. */
function append(path: string, text: string): void {
  using file = Deno.openSync(path, { append: true, create: true });
  writeAllSync(file, new TextEncoder().encode(text));
}

/** Leaves the last line of a file without its end, as a sign that something is missing behind it. */
function cutOff(path: string): void {
  using file = Deno.openSync(path, { read: true, write: true });
  const { size } = file.statSync();
  if (size === 0) return;
  const last = new Uint8Array(1);
  file.seekSync(size - 1, Deno.SeekMode.Start);
  file.readSync(last);
  if (last[0] === 10) file.truncateSync(size - 1);
}

function isThere(path: string): boolean {
  try {
    return Deno.lstatSync(path).isFile;
  } catch {
    return false;
  }
}

function removeNow(path: string): void {
  ownFiles.delete(path);
  try {
    Deno.removeSync(path);
  } catch {
    // The cache may be gone already; what stays is swept by the next prune.
  }
}

function removeAtEnd(path: string): void {
  ownFiles.add(path);
  if (listening) return;
  listening = true;
  globalThis.addEventListener("unload", () => {
    for (const file of [...ownFiles]) removeNow(file);
  });
}

function isReadOnly(error: unknown): boolean {
  const { code, cause } = error as { code?: string; cause?: unknown };
  return error instanceof Deno.errors.PermissionDenied || code === "EROFS" || code === "EACCES" ||
    (cause !== undefined && isReadOnly(cause));
}
