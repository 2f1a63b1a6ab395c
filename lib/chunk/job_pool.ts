import type { Job, JobResults } from "./job.ts";

/** Options of {@linkcode JobPool}. */
export interface JobPoolOptions {
  /** How many workers there are at most; 0 does every job in the thread that asks. @default {the cores, 4 at most} */
  workers?: number;
  /** Ends the waits for jobs. */
  signal?: AbortSignal;
}

type Answer =
  | { ready: true }
  | { ok: true; result: JobResults[keyof JobResults] }
  | { ok: false; error: { name: string; message: string; code?: string } };

interface Waiting {
  job: Job;
  transfer: Transferable[];
  resolve: (result: never) => void;
  reject: (error: unknown) => void;
}

/**
 * Does jobs on several cores. Workers start when there is work for them and end with the pool; where none can be had (no permission
 * to read their file), the thread that asks does the work.
 */
export class JobPool implements Disposable {
  #limit: number;
  #signal: AbortSignal | undefined;
  #workers = new Map<Worker, Waiting | "starting" | "idle">();
  #queue: Waiting[] = [];
  #onAbort = () => this.#close(this.#signal?.reason);

  /** Starts nothing yet. */
  constructor(options: JobPoolOptions = {}) {
    this.#limit = options.workers ?? Math.min(navigator.hardwareConcurrency || 1, 4);
    this.#signal = options.signal;
    this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** How many jobs are worth handing in at a time. */
  get width(): number {
    return Math.max(1, this.#limit) * 2;
  }

  /**
   * Starts workers before there is work, where the one who has it must wait for something else first. This thread stands still while one begins.
   *
   * @param count how many; the others start when there is work for them
   */
  start(count: number = this.#limit): void {
    while (this.#workers.size < Math.min(count, this.#limit)) this.#startWorker();
  }

  /** Does a job; what is in `transfer` is moved to the worker and cannot be used here any longer. */
  async run<J extends Job>(job: J, transfer: Transferable[] = []): Promise<JobResults[J["type"]]> {
    this.#signal?.throwIfAborted();
    return await new Promise<JobResults[J["type"]]>((resolve, reject) => {
      this.#queue.push({ job, transfer, resolve: resolve as (result: never) => void, reject });
      this.#dispatch();
    });
  }

  /** Ends all workers, whatever they do. */
  [Symbol.dispose](): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#close(new Error("the pool was closed"));
  }

  #close(reason: unknown): void {
    for (const [worker, state] of this.#workers) {
      worker.terminate();
      if (typeof state === "object") state.reject(reason);
    }
    this.#workers.clear();
    for (const waiting of this.#queue.splice(0)) waiting.reject(reason);
  }

  #dispatch(): void {
    if (this.#limit === 0) return this.#workHere();
    for (const [worker, state] of this.#workers) {
      if (state !== "idle") continue;
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#workers.set(worker, next);
      worker.postMessage(next.job, next.transfer);
    }
    const starting = [...this.#workers.values()].filter((state) => state === "starting").length;
    if (this.#queue.length > starting && this.#workers.size < this.#limit) this.#startWorker();
  }

  #workHere(): void {
    const next = this.#queue.shift();
    if (next === undefined) return;
    import("./run_job.ts").then(({ runJob }) => next.resolve(runJob(next.job) as never))
      .catch(next.reject)
      .then(() => new Promise((resolve) => setImmediate(resolve)))
      .then(() => this.#dispatch());
  }

  #startWorker(): void {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    this.#workers.set(worker, "starting");
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const waiting = this.#workers.get(worker);
      if (waiting === undefined) return;
      this.#workers.set(worker, "idle");
      if ("ok" in data && typeof waiting === "object") {
        if (data.ok) waiting.resolve(data.result as never);
        else waiting.reject(Object.assign(new Error(data.error.message), data.error));
      }
      this.#dispatch();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      const waiting = this.#workers.get(worker);
      this.#workers.delete(worker);
      worker.terminate();
      if (waiting === "starting") this.#limit = this.#workers.size;
      else if (typeof waiting === "object") {
        waiting.reject(new Error(`a worker ended: ${event.message}`));
      }
      this.#dispatch();
    };
  }
}
