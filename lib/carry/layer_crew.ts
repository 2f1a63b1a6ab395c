/**
 * Threads that unpack the layers of an image, several at once.
 *
 * Invariants: what a thread finds whole was proven there; where no thread can be had, or one fails, there is no reading, and whoever asked
 * reads the layer himself; only so many bytes wait for a thread; no thread writes any more once the crew is disposed of.
 *
 * @module
 */
import type {
  LayerFile,
  LayerOrder,
  LayerReading,
  LayerReport,
  WantedPath,
} from "./layer_worker.ts";

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

const mostWaitingBytes = 4 * 1024 * 1024;
const layersEach = 2;

/** One layer that a thread is at. */
class Job implements Disposable {
  readonly #hand: Hand;
  readonly #layer: number;
  readonly #read = Promise.withResolvers<LayerReading | undefined>();
  #used = Promise.withResolvers<void>();
  #waitingBytes = 0;
  #isWhole = false;

  constructor(hand: Hand, layer: number, name: string, file: LayerFile | undefined) {
    this.#hand = hand;
    this.#layer = layer;
    this.#read.promise.catch(() => undefined);
    hand.jobs.set(layer, this);
    hand.tell({ layer, begin: name, file });
  }

  /** Takes bytes, and waits where too many wait already. */
  async take(bytes: Uint8Array): Promise<void> {
    const piece = bytes.slice();
    this.#waitingBytes += piece.length;
    this.#hand.tell({ layer: this.#layer, piece }, [piece.buffer]);
    while (this.#waitingBytes > mostWaitingBytes && !this.#hand.isBroken) {
      this.#used = Promise.withResolvers();
      await this.#used.promise;
    }
  }

  /** Says that all bytes came. */
  end(): void {
    this.#isWhole = true;
    this.#hand.tell({ layer: this.#layer, end: "whole" });
  }

  /** Waits for what is found in the layer. */
  async reading(): Promise<LayerReading | undefined> {
    return await this.#read.promise;
  }

  used(bytes: number): void {
    this.#waitingBytes -= bytes;
    this.#used.resolve();
  }

  found(reading: LayerReading | undefined): void {
    this.#isWhole = true;
    this.#read.resolve(reading);
    this.#used.resolve();
  }

  abort(reason: unknown): void {
    this.#read.reject(reason);
    this.#waitingBytes = 0;
    this.#used.resolve();
  }

  [Symbol.dispose](): void {
    if (!this.#isWhole) this.#hand.tell({ layer: this.#layer, end: "cut" });
    this.#hand.jobs.delete(this.#layer);
  }
}

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
      if ("stopped" in data) this.#stopped.resolve();
      else if ("reading" in data) this.jobs.get(data.layer)?.found(data.reading);
      else this.jobs.get(data.layer)?.used(data.usedBytes);
    });
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.isBroken = true;
      for (const job of this.jobs.values()) job.found(undefined);
      this.#stopped.resolve();
    });
    this.tell(start);
  }

  tell(order: LayerOrder, transfer: Transferable[] = []): void {
    if (!this.isBroken) this.#worker.postMessage(order, transfer);
  }

  async stop(): Promise<void> {
    this.tell({ stop: true });
    await this.#stopped.promise;
    this.isBroken = true;
    this.#worker.terminate();
  }
}

/** Unpacks layers until it is disposed of. */
export class LayerCrew implements AsyncDisposable {
  readonly #hands: Hand[] = [];
  readonly #start: LayerOrder;
  #threads: number;
  #layers = 0;

  /** Starts no thread before there is a layer for it, so that the first one is at work while the next one starts. */
  constructor({ folder, work, wanted, threads }: LayerCrewOptions) {
    this.#start = { folder, work, wanted };
    this.#threads = threads;
  }

  /** How many layers are worth being under way at once: more than there are threads, so that none waits for its next one. */
  get concurrency(): number {
    return Math.max(1, this.#threads * layersEach);
  }

  /**
   * Unpacks one layer; `undefined` where that could not be done here.
   *
   * @param from the layer as it is: proven bytes, of which a piece may be used again once the next is asked for, or a file, which is then read
   * and proven on the thread
   * @param name what errors call the layer
   */
  async read(
    from: AsyncIterable<Uint8Array> | LayerFile,
    name: string,
    signal: AbortSignal,
  ): Promise<LayerReading | undefined> {
    const hand = this.#hand();
    if (hand === undefined) return undefined;
    const file = "path" in from ? from : undefined;
    using job = new Job(hand, this.#layers++, name, file);
    const stop = () => job.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (!("path" in from)) {
        for await (const piece of from) {
          await job.take(piece);
          signal.throwIfAborted();
          if (hand.isBroken) return undefined;
        }
        job.end();
      }
      return await job.reading();
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** The thread that has the least to do; none where this process may start none. */
  #hand(): Hand | undefined {
    const idlest = this.#hands.filter(({ isBroken }) => !isBroken)
      .toSorted((a, b) => a.jobs.size - b.jobs.size)[0];
    if (idlest?.jobs.size === 0 || this.#hands.length >= this.#threads) return idlest;
    try {
      const hand = new Hand(this.#start);
      this.#hands.push(hand);
      return hand;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
      this.#threads = this.#hands.length;
      return idlest;
    }
  }

  /** Ends the threads, once they write nothing more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#threads = 0;
    await Promise.all(this.#hands.map((hand) => hand.stop()));
  }
}
