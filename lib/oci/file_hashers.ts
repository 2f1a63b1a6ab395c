/**
 * Digests of files that are still growing, all of them in one worker.
 *
 * Invariants: only bytes that will not change any more are hashed; where no worker can be had the file is hashed here at its end; the
 * result is the same. The worker starts with the first bytes that are worth it: to make one stops this thread, and would hold up the
 * request that is to bring them.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { hashFile } from "../base/hash_file.ts";
import type { HashReply, HashRequest } from "./hash_worker.ts";

/** Follows one file from its start. */
export interface FileHash extends Disposable {
  /** So many bytes from the start on are there for good. */
  grown(bytes: number): void;
  /** The digest of the whole file, which has this size now. */
  digest(size: number, signal: AbortSignal): Promise<Digest>;
}

const stepBytes = 2 * 1024 * 1024;

/** Makes {@linkcode FileHash}es. */
export class FileHashers implements Disposable {
  #worker: Worker | undefined;
  #refused = false;
  #next = 0;
  #waiting = new Map<number, (digest: Digest | undefined) => void>();

  /** Follows a file, which must exist once there is something of it to hash. */
  open(path: string): FileHash {
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
