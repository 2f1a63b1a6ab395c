/**
 * Unpacked folders by the digest of their tree.
 *
 * Invariants: an archive appears whole and at once, by one rename, after every byte of it was hashed and synced; the same tree
 * is there once, wherever it came from; its files are read-only and none is executable, since nothing is run from there;
 * the first writer of one digest wins, which is harmless, since all wrote the same tree; no writer needs a lock. What reads and
 * writes trees is loaded when it is used: every cache has this store, few runs need it.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { syncFolder, TemporaryFolder } from "../base/atomic_file.ts";
import { type Digest, sameDigest } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import { codeOf, VerificationError } from "../base/errors.ts";
import { buckets } from "./buckets.ts";
import type { BlobStoreHost } from "./blob_store.ts";
import type { ArchiveMember, WriteTreeOptions } from "./write_tree.ts";

/** An unpacked folder that is there. */
export interface CachedArchive {
  /** The digest of its tree. */
  digest: Digest;
  /** The bytes of its files together. */
  size: number;
  /** Its folder; nothing in it may be changed, or run. */
  path: string;
  /** Another text as soon as anything in it was changed. */
  stamp: string;
}

/** Options of {@linkcode ArchiveStore.persist}. */
export interface PersistArchiveOptions extends WriteTreeOptions {
  /** The digest that the tree must have. */
  digest?: Digest;
}

/** Keeps unpacked folders by the digest of their tree. */
export class ArchiveStore {
  #host: BlobStoreHost;

  /** Touches no disk. */
  constructor(host: BlobStoreHost) {
    this.#host = host;
  }

  /** Where the archive of a digest lies once it is there. */
  path(digest: Digest): string {
    return archivePath(this.#host.dir, digest);
  }

  /** The archive, here or in the read-only layer below; it is not read, and may have been changed. */
  async find(digest: Digest): Promise<CachedArchive | undefined> {
    const { seeTree } = await import("./read_tree.ts");
    for (const root of [this.#host.dir, this.#host.lower]) {
      if (root === undefined) continue;
      const path = archivePath(root, digest);
      const seen = await seeTree(path);
      if (seen !== undefined) return { digest, size: seen.bytes, path, stamp: seen.stamp };
    }
    return undefined;
  }

  /** The bytes of the archive's files, or `undefined`. */
  async size(digest: Digest): Promise<number | undefined> {
    return (await this.find(digest))?.size;
  }

  /** The archive if its files are as they were at this stamp, or have their digests; a damaged one is moved away. */
  async findSound(
    digest: Digest,
    stamp: string | undefined,
    options: { signal?: AbortSignal } = {},
  ): Promise<CachedArchive | undefined> {
    const found = await this.find(digest);
    if (found === undefined || found.stamp === stamp) return found;
    if (await isOf(digest, found.path, options)) return found;
    const { quarantineContents } = await import("./quarantine.ts");
    await quarantineContents(this.#host, found);
    return undefined;
  }

  /**
   * Unpacks members into the store.
   *
   * @throws {VerificationError} if a member is unsafe, or the tree has another digest than expected; nothing is kept then
   */
  async persist(
    members: AsyncIterable<ArchiveMember>,
    options: PersistArchiveOptions = {},
  ): Promise<CachedArchive> {
    const parent = join(this.#host.dir, buckets.temporary.folder);
    await this.#host.ensure(parent);
    await using work = await TemporaryFolder.make(parent, "archive");
    const tree = join(work.path, "tree");
    await Deno.mkdir(tree);
    const { treeDigest } = await import("./tree_digest.ts");
    const { writeTree } = await import("./write_tree.ts");
    const digest = treeDigest(await writeTree(tree, members, options));
    if (options.digest !== undefined && !sameDigest(options.digest, digest)) {
      throw new VerificationError(
        `Cannot keep the archive "${options.digest}": its tree has the digest ${digest}`,
        { data: { expected: options.digest, actual: digest } },
      );
    }
    await this.#host.protect(digest);
    return await this.#publish(tree, digest, options);
  }

  /**
   * All archives of this cache in the order of their digests, without those of a layer below.
   *
   * @param onDenied told of what this user may not look at, in the words of the system; without it that is an error
   */
  async *list(onDenied?: (why: string) => void): AsyncGenerator<CachedArchive> {
    const { seeTree } = await import("./read_tree.ts");
    const look = async (digest: Digest, path: string) => {
      const seen = await seeTree(path);
      return seen && { digest, size: seen.bytes, path, stamp: seen.stamp };
    };
    const { listDigests } = await import("./list_digests.ts");
    yield* listDigests(join(this.#host.dir, buckets.archives.folder), look, onDenied);
  }

  async #publish(
    tree: string,
    digest: Digest,
    options: PersistArchiveOptions,
  ): Promise<CachedArchive> {
    const path = this.path(digest);
    await this.#host.ensure(dirname(path));
    if (!await renamed(tree, path) && !await isOf(digest, path, options)) {
      const { quarantineContents } = await import("./quarantine.ts");
      await quarantineContents(this.#host, { digest, path });
      await renamed(tree, path);
    }
    await syncFolder(dirname(path));
    const { seeTree } = await import("./read_tree.ts");
    const seen = await seeTree(path);
    if (seen === undefined) {
      throw new VerificationError(`Cannot keep the archive "${digest}": it was removed at once`);
    }
    return { digest, size: seen.bytes, path, stamp: seen.stamp };
  }
}

/** Where the archive of a digest lies in the cache of this root. */
function archivePath(root: string, digest: Digest): string {
  const hex = digestHex(digest);
  return join(root, buckets.archives.folder, "sha256", hex.slice(0, 2), hex);
}

async function isOf(
  digest: Digest,
  path: string,
  { signal }: { signal?: AbortSignal },
): Promise<boolean> {
  const { hashTree } = await import("./read_tree.ts");
  const actual = await hashTree(path, signal === undefined ? {} : { signal });
  return actual !== undefined && sameDigest(actual, digest);
}

/** Gives a folder its final name; `false` where somebody was first. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await Deno.rename(from, to);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOTDIR") return false;
    throw error;
  }
}
