/**
 * The digest of a file that is still growing.
 *
 * Invariants: only bytes that will not change any more are hashed; where no worker can be had the file is hashed here, at the
 * end; the result is the same.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";
import { FileFollower } from "../base/file_follower.ts";
import { hashFile } from "../base/hash_file.ts";
import type { PrefixFollower } from "./prefix_follower.ts";

/** Follows a file from its start and gives its digest in the end. */
export class PrefixHasher implements PrefixFollower, Disposable {
  #follower: FileFollower<Digest> | undefined;

  /** Hashes beside the writing, in a worker. Who never begins is hashed at the end. */
  begin(path: string): void {
    this[Symbol.dispose]();
    this.#follower = new FileFollower(import.meta.resolve("./hash_worker.ts"), path);
  }

  /** So many bytes from the start on are there for good. */
  grown(prefixBytes: number): void {
    this.#follower?.grown(prefixBytes);
  }

  /** The digest of the whole file, which has this path and this size now. */
  async digest(path: string, sizeBytes: number, signal?: AbortSignal): Promise<Digest> {
    const found = await this.#follower?.finish(sizeBytes, signal);
    if (found !== undefined) return found;
    signal?.throwIfAborted();
    return (await hashFile(path, signal === undefined ? {} : { signal })).digest;
  }

  /** Ends the worker. */
  [Symbol.dispose](): void {
    this.#follower?.[Symbol.dispose]();
    this.#follower = undefined;
  }
}
