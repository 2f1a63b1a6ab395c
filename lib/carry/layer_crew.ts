/**
 * Threads that unpack the layers of an image, several at once.
 *
 * Invariants: what a thread finds whole was proven there; where no thread can be had, or one fails, there is no reading, and whoever asked
 * reads the layer himself; only so many bytes wait for a thread; no thread writes any more once the crew is disposed of.
 *
 * @module
 */
import { Crew, type CrewMember } from "./crew.ts";
import type { LayerFile, LayerOrder, LayerReading, LayerReport } from "./layer_worker.ts";
import type { UnpackOptions } from "./store_source.ts";
import { Thread } from "./thread.ts";

/** What a crew works on. */
export type LayerCrewOptions = Pick<
  UnpackOptions,
  "folder" | "work" | "wanted" | "linksBytes" | "threads"
>;

const mostWaitingBytes = 4 * 1024 * 1024;

/** One layer that a thread is at. */
class Job implements Disposable {
  readonly #hand: Hand;
  readonly #layer: number;
  readonly #read = Promise.withResolvers<LayerReading | undefined>();
  #used = Promise.withResolvers<void>();
  #waitingBytes = 0;
  #isWhole = false;
  #isFound = false;

  constructor(hand: Hand, layer: number, name: string, file: LayerFile | undefined) {
    this.#hand = hand;
    this.#layer = layer;
    this.#read.promise.catch(() => undefined);
    hand.jobs.set(layer, this);
    hand.tell({ layer, begin: name, file });
  }

  /** Whether the thread takes no more of it: it gave the layer up before its end, or is no more. */
  get isOver(): boolean {
    return this.#isFound || this.#hand.isBroken;
  }

  /** Takes bytes, and waits where too many wait already. */
  async take(bytes: Uint8Array): Promise<void> {
    const piece = bytes.slice();
    this.#waitingBytes += piece.length;
    this.#hand.tell({ layer: this.#layer, piece }, [piece.buffer]);
    while (this.#waitingBytes > mostWaitingBytes && !this.isOver) {
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
    this.#isFound = true;
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
class Hand implements CrewMember {
  readonly jobs = new Map<number, Job>();
  readonly #thread: Thread<LayerOrder, LayerReport>;

  constructor(start: LayerOrder) {
    this.#thread = new Thread({
      module: new URL("./layer_worker.ts", import.meta.url).href,
      start,
      onReport: (report) => {
        const job = this.jobs.get(report.layer);
        if ("reading" in report) job?.found(report.reading);
        else job?.used(report.usedBytes);
      },
      onBroken: () => {
        for (const job of this.jobs.values()) job.found(undefined);
      },
    });
  }

  get load(): number {
    return this.jobs.size;
  }

  get isBroken(): boolean {
    return this.#thread.isBroken;
  }

  tell(order: LayerOrder, transfer?: Transferable[]): void {
    this.#thread.tell(order, transfer);
  }

  async stop(): Promise<void> {
    await this.#thread.stop({ stop: true });
  }
}

/** Unpacks layers until it is disposed of. */
export class LayerCrew implements AsyncDisposable {
  readonly #crew: Crew<Hand>;
  #layers = 0;

  /** Starts no thread before there is a layer for it. */
  constructor({ folder, work, wanted, linksBytes, threads }: LayerCrewOptions) {
    this.#crew = new Crew(threads, () => new Hand({ folder, work, wanted, linksBytes }));
  }

  /** How many layers are worth being under way at once. */
  get concurrency(): number {
    return this.#crew.concurrency;
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
    const hand = this.#crew.idlest();
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
          if (job.isOver) return undefined;
        }
        job.end();
      }
      return await job.reading();
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Ends the threads, once they write nothing more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#crew[Symbol.asyncDispose]();
  }
}
