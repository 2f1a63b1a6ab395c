/**
 * A worker that reads a file while it grows, and says in the end what it found.
 *
 * Invariants: where no worker can be had (no permission to read its module, a place that it cannot be loaded from), or where it
 * fails, there is no result, and whoever asked does the work himself; an abort ends the wait.
 *
 * @module
 */

/** What the worker is told: the file with what else it must know, how much of it is there, and at last its size. */
export type FollowRequest<Start extends object = object> =
  | { path: string; start: Start }
  | { upTo: number }
  | { size: number };

/** What the worker tells once: what it found, or why it found nothing. */
export type FollowReply<Result> = { result: Result } | { error: string };

const stepBytes = 4 * 1024 * 1024;

/** Has a worker follow a file. */
export class FileFollower<Result> implements Disposable {
  #module: string;
  #path: string;
  #start: object;
  #worker: Worker | undefined;
  #found: PromiseWithResolvers<Result | undefined> | undefined;
  #told = 0;
  #asked = false;

  /**
   * Will start the worker of this module on the file of this path, once bytes of it are there: to make a worker stops this
   * thread, and would hold up whoever is to bring them.
   */
  constructor(module: string, path: string, start: object = {}) {
    this.#module = module;
    this.#path = path;
    this.#start = start;
  }

  /** So many bytes from the start on are there for good. */
  grown(prefixBytes: number): void {
    if (this.#found === undefined) this.#begin();
    if (prefixBytes - this.#told < stepBytes) return;
    this.#told = prefixBytes;
    this.#worker?.postMessage({ upTo: prefixBytes } satisfies FollowRequest);
  }

  /** What the worker found in the file, which is whole now; `undefined` where it found nothing, or was never started. */
  async finish(sizeBytes: number, signal?: AbortSignal): Promise<Result | undefined> {
    if (this.#found === undefined) return undefined;
    if (!this.#asked) this.#worker?.postMessage({ size: sizeBytes } satisfies FollowRequest);
    this.#asked = true;
    const stopped = Promise.withResolvers<undefined>();
    const stop = () => stopped.resolve(undefined);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const found = await Promise.race([this.#found.promise, stopped.promise]);
      signal?.throwIfAborted();
      return found;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Ends the worker. */
  [Symbol.dispose](): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#found ??= Promise.withResolvers();
    this.#found.resolve(undefined);
  }

  #begin(): void {
    const found = this.#found = Promise.withResolvers<Result | undefined>();
    try {
      this.#worker = new Worker(this.#module, { type: "module" });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
      found.resolve(undefined);
      return;
    }
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      found.resolve(undefined);
    });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<FollowReply<Result>>) => {
      found.resolve("result" in data ? data.result : undefined);
    });
    this.#worker.postMessage({ path: this.#path, start: this.#start } satisfies FollowRequest);
  }
}
