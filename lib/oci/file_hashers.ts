/**
 * Digests of files that are still growing: of the large ones in one worker, of the small ones at their end, by WebCrypto.
 *
 * Invariants: only bytes that will not change any more are hashed; where no worker can be had the file is hashed here at its end; the
 * result is the same. The worker starts with the first bytes that are worth it: to make one stops this thread, and would hold up the
 * request that is to bring them. Small files are read one at a time, so that they take the memory of one.
 *
 * @module
 */
import { type Digest, digestOf } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { hashFile } from "../base/hash_file.ts";
import { Turns } from "../base/turns.ts";
import type { HashReply, HashRequest } from "./hash_worker.ts";

/** Follows one file from its start. */
export interface FileHash extends Disposable {
  /** So many bytes from the start on are there for good. */
  grown(bytes: number): void;
  /** The digest of the whole file, which has this size now. */
  digest(size: number, signal: AbortSignal): Promise<Digest>;
}

/** Files below this size are small. */
const workerFromBytes = 4 * 1024 * 1024;
const stepBytes = 2 * 1024 * 1024;

/** Makes {@linkcode FileHash}es. */
export class FileHashers implements Disposable {
  #worker: Worker | undefined;
  #refused = false;
  #next = 0;
  #waiting = new Map<number, (digest: Digest | undefined) => void>();
  #turns = new Turns();

  /** Follows a file that is to have such a size; it must exist once there is something of it to hash. */
  open(path: string, size: number): FileHash {
    return size < workerFromBytes ? this.#small(path) : this.#large(path);
  }

  #small(path: string): FileHash {
    return {
      grown() {},
      digest: (size, signal) =>
        this.#turns.take("small", async () => {
          signal.throwIfAborted();
          return await digestOf(readUpTo(path, size));
        }),
      [Symbol.dispose]() {},
    };
  }

  #large(path: string): FileHash {
    const id = this.#next++;
    let told = 0;
    let found: Promise<Digest | undefined> | undefined;
    const follow = () => found ??= this.#follow(id, path);
    return {
      grown: (bytes) => {
        if (bytes - told < stepBytes) return;
        told = bytes;
        follow();
        this.#tell({ id, upTo: bytes });
      },
      digest: async (size, signal) => {
        const following = follow();
        this.#tell({ id, size });
        return await following ?? (await hashFile(path, { signal })).digest;
      },
      [Symbol.dispose]: () => {
        if (this.#waiting.delete(id)) this.#tell({ id, drop: true });
      },
    };
  }

  /** Ends the worker. */
  [Symbol.dispose](): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #follow(id: number, path: string): Promise<Digest | undefined> {
    if (this.#start() === undefined) return Promise.resolve(undefined);
    const found = Promise.withResolvers<Digest | undefined>();
    this.#waiting.set(id, found.resolve);
    this.#tell({ id, path });
    return found.promise;
  }

  #tell(message: HashRequest): void {
    this.#worker?.postMessage(message);
  }

  #start(): Worker | undefined {
    if (this.#worker !== undefined || this.#refused) return this.#worker;
    try {
      this.#worker = new Worker(import.meta.resolve("./hash_worker.ts"), { type: "module" });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
      this.#refused = true;
      return undefined;
    }
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#refused = true;
      this.#worker = undefined;
      for (const settle of this.#waiting.values()) settle(undefined);
      this.#waiting.clear();
    });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<HashReply>) => {
      const digest = "digest" in data && isDigest(data.digest) ? data.digest : undefined;
      this.#waiting.get(data.id)?.(digest);
      this.#waiting.delete(data.id);
    });
    return this.#worker;
  }
}

/** The first bytes of a file, so many of them as there are up to a size. */
function readUpTo(path: string, size: number): Uint8Array<ArrayBuffer> {
  using file = Deno.openSync(path, { read: true });
  const bytes = new Uint8Array(size);
  let at = 0;
  for (let count: number | null = 0; count !== null && at < size; at += count ?? 0) {
    count = file.readSync(bytes.subarray(at));
  }
  return bytes.subarray(0, at);
}
