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
  #worker: Worker | undefined;
  #found = Promise.withResolvers<Result | undefined>();
  #told = 0;

  /** Starts the worker of this module on the file of this path, which must exist. */
  constructor(module: string, path: string, start: object = {}) {
    try {
      this.#worker = new Worker(module, { type: "module" });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
      this.#found.resolve(undefined);
      return;
    }
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#found.resolve(undefined);
    });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<FollowReply<Result>>) => {
      this.#found.resolve("result" in data ? data.result : undefined);
    });
    this.#worker.postMessage({ path, start } satisfies FollowRequest);
  }

  /** So many bytes from the start on are there for good. */
  grown(prefixBytes: number): void {
    if (prefixBytes - this.#told < stepBytes) return;
    this.#told = prefixBytes;
    this.#worker?.postMessage({ upTo: prefixBytes } satisfies FollowRequest);
  }

  /** What the worker found in the file, which is whole now; `undefined` where it found nothing. */
  async finish(sizeBytes: number, signal?: AbortSignal): Promise<Result | undefined> {
    this.#worker?.postMessage({ size: sizeBytes } satisfies FollowRequest);
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
    this.#found.resolve(undefined);
  }
}
