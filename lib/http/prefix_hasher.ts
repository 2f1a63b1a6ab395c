/**
 * The digest of a file that is still growing.
 *
 * Invariants: only bytes that will not change any more are hashed; where no worker can be had (no permission to read its
 * file, a module from a place that cannot be loaded) the file is hashed here, at the end; the result is the same.
 *
 * @module
 */
import { type Digest, isDigest } from "../base/digest.ts";
import { hashFile } from "../base/hash_file.ts";
import type { HashReply } from "./hash_worker.ts";

const stepBytes = 4 * 1024 * 1024;

/** Options of a {@linkcode PrefixHasher}. */
export interface PrefixHasherOptions {
  /** Whether to hash beside the writing, in a worker. @default {true} */
  worker?: boolean;
}

/** Follows a file from its start and gives its digest in the end. */
export class PrefixHasher implements Disposable {
  #path: string;
  #worker: Worker | undefined;
  #result: Promise<Digest | undefined> = Promise.resolve(undefined);
  #told = 0;

  /** Follows the file of this path, which must exist. */
  constructor(path: string, options: PrefixHasherOptions = {}) {
    this.#path = path;
    if (options.worker ?? true) this.#start();
  }

  /** So many bytes from the start on are there for good. */
  grown(prefixBytes: number): void {
    if (prefixBytes - this.#told < stepBytes) return;
    this.#told = prefixBytes;
    this.#worker?.postMessage({ upTo: prefixBytes });
  }

  /** The digest of the whole file, which has this size now. */
  async digest(sizeBytes: number, signal?: AbortSignal): Promise<Digest> {
    this.#worker?.postMessage({ size: sizeBytes });
    const found = await this.#result;
    if (found !== undefined) return found;
    signal?.throwIfAborted();
    return (await hashFile(this.#path, signal === undefined ? {} : { signal })).digest;
  }

  /** Ends the worker. */
  [Symbol.dispose](): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #start(): void {
    let worker: Worker;
    try {
      worker = new Worker(import.meta.resolve("./hash_worker.ts"), { type: "module" });
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) return;
      throw error;
    }
    const { promise, resolve } = Promise.withResolvers<Digest | undefined>();
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      resolve(undefined);
    });
    worker.addEventListener("message", ({ data }: MessageEvent<HashReply>) => {
      if ("digest" in data) resolve(isDigest(data.digest) ? data.digest : undefined);
      else if ("error" in data) resolve(undefined);
    });
    worker.postMessage({ path: this.#path });
    this.#worker = worker;
    this.#result = promise;
  }
}
