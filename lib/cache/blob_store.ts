/**
 * Contents by their digest.
 *
 * Invariants: a blob appears only after every byte of it was hashed and synced; it is read-only from then on; one that is there and
 * sound stays when it is written again, since files by other names are the same file; of two who write it first at the same time the last
 * wins, which is harmless, since both wrote the same bytes; no writer needs a lock.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { persistFile, removeIfThere, syncFolder, temporaryName } from "../base/atomic_file.ts";
import { defined } from "../base/defined.ts";
import { type Digest, Hasher, sameDigest } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import { VerificationError } from "../base/errors.ts";
import { clearWay, ifAllowed, ifThere, lookAt } from "../base/files.ts";
import { hashFile } from "../base/hash_file.ts";
import { buckets } from "./buckets.ts";
import type { CachedBlob } from "./cached_blob.ts";

/** What a blob is expected to be. */
export interface ExpectedBlob {
  /** The digest that its bytes must have. */
  digest?: Digest;
  /** The number of bytes that it must have. */
  size?: number;
}

/** Options of {@linkcode BlobStore.persist}. */
export interface PersistOptions extends ExpectedBlob {
  /** Told of each piece written, in bytes. */
  onBytes?: (bytes: number) => void;
  /** Whether the blob's name is durable at once; leave it out where a blob that is lost in a power cut is made again. @default {true} */
  syncFolder?: boolean;
  /** Ends the writing. */
  signal?: AbortSignal;
}

/** Options of {@linkcode BlobStore.persistFile}. */
export interface PersistFileOptions extends PersistOptions {
  /** What the caller knows of the file, having hashed every byte of it. */
  verified?: { digest: Digest; size: number };
}

/** What a blob store needs of the cache around it. */
export interface BlobStoreHost {
  /** The root of the cache. */
  readonly dir: string;
  /** The root of a read-only cache below it. */
  readonly lower?: string;
  /** Makes the root, its markers and the given folder. */
  ensure(folder: string): Promise<void>;
  /** Keeps a blob that has no pointer yet from being pruned for now. */
  protect(digest: Digest): Promise<void>;
}

/** Keeps contents by their sha256. */
export class BlobStore {
  #host: BlobStoreHost;

  /** Touches no disk. */
  constructor(host: BlobStoreHost) {
    this.#host = host;
  }

  /** Where the blob of a digest lies once it is there. */
  path(digest: Digest): string {
    return blobPath(this.#host.dir, digest);
  }

  /** The blob, here or in the read-only layer below; `undefined` where there is none, or one of another size. */
  async find(digest: Digest, size?: number): Promise<CachedBlob | undefined> {
    const { dir, lower } = this.#host;
    const fits = (blob: CachedBlob | undefined) => size === undefined || blob?.size === size;
    const path = blobPath(dir, digest);
    const own = blobOf(digest, path, lookAt(path));
    if (own !== undefined && fits(own)) return own;
    if (lower === undefined) return undefined;
    const lowerPath = blobPath(lower, digest);
    const below = blobOf(digest, lowerPath, await ifThere(Deno.lstat(lowerPath)));
    return fits(below) ? below : undefined;
  }

  /** Whether the blob is there. */
  async has(digest: Digest, size?: number): Promise<boolean> {
    return await this.find(digest, size) !== undefined;
  }

  /** The size of the blob in bytes, or `undefined`. */
  async size(digest: Digest): Promise<number | undefined> {
    return (await this.find(digest))?.size;
  }

  /** The bytes of the blob; read or cancel them. `undefined` where there is no such blob. */
  async open(digest: Digest): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | undefined> {
    const blob = await this.find(digest);
    if (blob === undefined) return undefined;
    return (await Deno.open(blob.path, { read: true })).readable;
  }

  /**
   * Writes a stream into the store, hashing it on the way.
   *
   * @throws {VerificationError} if it has another digest or size than expected; nothing is kept then
   */
  async persist(
    stream: ReadableStream<Uint8Array>,
    options: PersistOptions = {},
  ): Promise<CachedBlob> {
    const folder = join(this.#host.dir, buckets.temporary.folder);
    await this.#host.ensure(folder);
    const temporary = temporaryName(join(folder, "blob"));
    try {
      const hasher = new Hasher();
      {
        using file = await Deno.open(temporary, { write: true, createNew: true });
        for await (const piece of stream) {
          options.signal?.throwIfAborted();
          if (options.size !== undefined && hasher.size + piece.byteLength > options.size) {
            throw wrongSize(options.size, `more than ${options.size}`);
          }
          hasher.update(piece);
          await writeAll(file, piece);
          options.onBytes?.(piece.byteLength);
        }
      }
      return await this.#publish(temporary, hasher.digest(), hasher.size, options);
    } catch (error) {
      await removeIfThere(temporary);
      throw error;
    }
  }

  /**
   * Takes over a finished file of the same file system: it is renamed into the store, or removed where the store has it. Without
   * `verified`, the file is read and hashed first; with it, the caller has hashed every byte and answers for the digest.
   *
   * @throws {VerificationError} if it has another digest or size than expected; the file is left where it is
   */
  async persistFile(
    temporary: string,
    options: PersistFileOptions = {},
  ): Promise<CachedBlob> {
    const { digest, size } = options.verified ?? await hashFile(temporary, {
      ...(options.onBytes === undefined ? {} : { onRead: options.onBytes }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const actual = (await Deno.stat(temporary)).size;
    if (actual !== size) throw wrongSize(size, String(actual));
    return await this.#publish(temporary, digest, size, options);
  }

  /** Removes a blob, if it is there. */
  async remove(digest: Digest): Promise<boolean> {
    return await removeIfThere(this.path(digest));
  }

  /**
   * All blobs of this cache in the order of their digests, without those of a layer below.
   *
   * @param onDenied told of what this user may not look at, in the words of the system; without it that is an error
   */
  async *list(onDenied?: (why: string) => void): AsyncGenerator<CachedBlob> {
    const folder = join(this.#host.dir, buckets.blobs.folder);
    const look = async (digest: Digest, path: string) =>
      blobOf(digest, path, await ifThere(Deno.lstat(path)));
    const { listDigests } = await import("./list_digests.ts");
    yield* listDigests(folder, look, onDenied);
  }

  async #publish(
    temporary: string,
    digest: Digest,
    size: number,
    expected: ExpectedBlob & { syncFolder?: boolean; signal?: AbortSignal },
  ): Promise<CachedBlob> {
    if (expected.size !== undefined && expected.size !== size) {
      throw wrongSize(expected.size, String(size));
    }
    if (expected.digest !== undefined && !sameDigest(expected.digest, digest)) {
      throw new VerificationError(
        `Cannot keep the blob "${expected.digest}": its bytes have the digest ${digest}`,
        { data: { expected: expected.digest, actual: digest, size } },
      );
    }
    const path = this.path(digest);
    await this.#host.ensure(dirname(path));
    await this.#host.protect(digest);
    const blob = { digest, size, path };
    const { syncFolder: durable = true, signal } = expected;
    if (await isKept(blob, signal) && await beginsAnew(path)) {
      if (durable) await syncFolder(dirname(path));
      await removeIfThere(temporary);
      return blob;
    }
    await clearWay(path);
    await persistFile(temporary, path, { mode: 0o444, syncFolder: durable });
    return blob;
  }
}

/** Whether the blob is there, and has its digest. */
async function isKept(
  { digest, size, path }: CachedBlob,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const there = lookAt(path);
  if (!there?.isFile || there.size !== size) return false;
  const hashed = await ifThere(ifAllowed(hashFile(path, defined({ signal })), () => {}));
  return hashed !== undefined && sameDigest(hashed.digest, digest);
}

/** Lets the age of a blob begin anew, as that of a new one would; it may be somebody else's file. `false` where it went meanwhile. */
async function beginsAnew(path: string): Promise<boolean> {
  if (Deno.build.os === "windows") return true;
  const changed = ifAllowed(Deno.chmod(path, 0o444), () => {}).then(() => true);
  return await ifThere(changed) === true;
}

/** Where the blob of a digest lies in the cache of this root. */
function blobPath(root: string, digest: Digest): string {
  const hex = digestHex(digest);
  return join(root, buckets.blobs.folder, "sha256", hex.slice(0, 2), hex);
}

function blobOf(digest: Digest, path: string, info?: Deno.FileInfo): CachedBlob | undefined {
  if (!info?.isFile) return undefined;
  return { digest, path, size: info.size, changedMs: info.mtime?.getTime() ?? 0 };
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < bytes.byteLength) offset += await file.write(bytes.subarray(offset));
}

function wrongSize(expected: number, actual: string): VerificationError {
  return new VerificationError(
    `Cannot keep the blob: it has ${actual} bytes instead of ${expected}`,
    { data: { expected, actual } },
  );
}
