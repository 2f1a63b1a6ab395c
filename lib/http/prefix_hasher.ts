/**
 * The digest of a file that is still growing.
 *
 * Invariants: only bytes that will not change any more are hashed; where no worker can be had, or none was worth it, the file is
 * hashed here, at the end; the result is the same.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";
import { FileFollower } from "../base/file_follower.ts";
import { hashFile } from "../base/hash_file.ts";
import type { PrefixFollower } from "./prefix_follower.ts";

/** What a worker finds in a file. */
export interface Hashed {
  /** The digest of all of its bytes. */
  digest: Digest;
}

/** Follows a file from its start and gives its digest in the end, and what else its worker found. */
export class PrefixHasher<Found extends Hashed = Hashed> implements PrefixFollower, Disposable {
  #module: string;
  #start: object;
  #follower: FileFollower<Found> | undefined;

  /** The worker's module, and what it must know beside the path: by default one that hashes and does no more. */
  constructor(module: string = import.meta.resolve("./hash_worker.ts"), start: object = {}) {
    this.#module = module;
    this.#start = start;
  }

  /** Follows this file from now on, and no other one. */
  begin(path: string): void {
    this[Symbol.dispose]();
    this.#follower = new FileFollower(this.#module, path, this.#start);
  }

  /** So many bytes from the start on are there for good; the first time, a worker begins to read them. */
  grown(prefixBytes: number): void {
    this.#follower?.grown(prefixBytes);
  }

  /** What the worker found in the whole file, which has this size now; `undefined` where it found nothing. */
  async found(sizeBytes: number, signal?: AbortSignal): Promise<Found | undefined> {
    return await this.#follower?.finish(sizeBytes, signal);
  }

  /** The digest of the whole file, which has this path and this size now. */
  async digest(path: string, sizeBytes: number, signal?: AbortSignal): Promise<Digest> {
    const found = await this.found(sizeBytes, signal);
    if (found !== undefined) return found.digest;
    signal?.throwIfAborted();
    return (await hashFile(path, signal === undefined ? {} : { signal })).digest;
  }

  /** Ends the worker. */
  [Symbol.dispose](): void {
    this.#follower?.[Symbol.dispose]();
    this.#follower = undefined;
  }
}
