/**
 * Threads that unpack the layers of an image, several at once.
 *
 * Invariants: what a thread finds whole was proven there; where no thread can be had, or one fails, there is no reading, and whoever asked
 * reads the layer himself; only so many bytes wait for a thread; no thread writes any more once the crew is disposed of.
 *
 * @module
 */
import type { LayerOrder, LayerReading, LayerReport, WantedPath } from "./layer_worker.ts";

/** What a crew works on. */
export interface LayerCrewOptions {
  /** What is mounted as `/nix`. */
  folder: string;
  /** A folder on the same file system, where each layer gets one of its own. */
  work: string;
  /** What is wanted. */
  wanted: readonly WantedPath[];
  /** How many threads. */
  threads: number;
}

interface Job {
  waitingBytes: number;
  used: PromiseWithResolvers<void>;
  read: PromiseWithResolvers<LayerReading | undefined>;
}

const mostWaitingBytes = 4 * 1024 * 1024;
const layersEach = 2;

/** One thread, and what it is at. */
class Hand {
  readonly jobs = new Map<number, Job>();
  readonly #worker: Worker;
  readonly #stopped = Promise.withResolvers<void>();
  isBroken = false;

  constructor(start: LayerOrder) {
    const module = new URL("./layer_worker.ts", import.meta.url).href;
    this.#worker = new Worker(module, { type: "module" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<LayerReport>) => {
      if ("stopped" in data) return this.#stopped.resolve();
      const job = this.jobs.get(data.layer);
      if (job === undefined) return;
      if ("reading" in data) return this.#end(job, data.reading);
      job.waitingBytes -= data.usedBytes;
      job.used.resolve();
    });
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.isBroken = true;
      for (const job of this.jobs.values()) this.#end(job, undefined);
      this.#stopped.resolve();
    });
    this.tell(start);
  }

  tell(order: LayerOrder, transfer: Transferable[] = []): void {
    this.#worker.postMessage(order, transfer);
  }

  async stop(): Promise<void> {
    if (!this.isBroken) this.tell({ stop: true });
    await this.#stopped.promise;
    this.#worker.terminate();
  }

  #end(job: Job, reading: LayerReading | undefined): void {
    job.read.resolve(reading);
    job.used.resolve();
  }
}

/** Unpacks layers until it is disposed of. */
export class LayerCrew implements AsyncDisposable {
  readonly #hands: readonly Hand[];
  #layers = 0;

  private constructor(hands: readonly Hand[]) {
    this.#hands = hands;
  }

  /** Starts the threads; none where this process may start none. */
  static start({ folder, work, wanted, threads }: LayerCrewOptions): LayerCrew {
    const hands: Hand[] = [];
    try {
      while (hands.length < threads) hands.push(new Hand({ folder, work, wanted }));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
    }
    return new LayerCrew(hands);
  }

  /** How many layers are worth being under way at once: more than there are threads, so that none waits for its next one. */
  get concurrency(): number {
    return Math.max(1, this.#hands.length * layersEach);
  }

  /**
   * Unpacks one layer; `undefined` where that could not be done here.
   *
   * @param bytes the layer as it is; a piece may be used again once the next is asked for
   * @param name what errors call the layer
   */
  async read(
    bytes: AsyncIterable<Uint8Array>,
    name: string,
    signal: AbortSignal,
  ): Promise<LayerReading | undefined> {
    const hand = this.#hands.filter(({ isBroken }) => !isBroken)
      .toSorted((a, b) => a.jobs.size - b.jobs.size)[0];
    if (hand === undefined) return undefined;
    const layer = this.#layers++;
    const job = {
      waitingBytes: 0,
      used: Promise.withResolvers<void>(),
      read: Promise.withResolvers<LayerReading | undefined>(),
    };
    hand.jobs.set(layer, job);
    const stop = () => {
      job.read.reject(signal.reason);
      job.used.resolve();
    };
    job.read.promise.catch(() => undefined);
    signal.addEventListener("abort", stop, { once: true });
    let end: "whole" | "cut" = "cut";
    try {
      hand.tell({ layer, begin: name });
      for await (const piece of bytes) {
        signal.throwIfAborted();
        const copy = piece.slice();
        job.waitingBytes += copy.length;
        hand.tell({ layer, piece: copy }, [copy.buffer]);
        while (job.waitingBytes > mostWaitingBytes && !signal.aborted && !hand.isBroken) {
          job.used = Promise.withResolvers();
          await job.used.promise;
        }
        if (hand.isBroken) return undefined;
      }
      end = "whole";
    } finally {
      if (end === "cut") signal.removeEventListener("abort", stop);
      hand.tell({ layer, end });
      if (end === "cut") hand.jobs.delete(layer);
    }
    try {
      return await job.read.promise;
    } finally {
      signal.removeEventListener("abort", stop);
      hand.jobs.delete(layer);
    }
  }

  /** Ends the threads, once they write nothing more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#hands.map((hand) => hand.stop()));
  }
}
