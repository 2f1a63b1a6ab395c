import type { Job, JobResults } from "./job.ts";
import { isSoonDone } from "./soon_done.ts";

/** Options of {@linkcode JobPool}. */
export interface JobPoolOptions {
  /** How many workers there are at most; 0 does every job in the thread that asks. @default {the cores, 4 at most; 0 where the work is soon done} */
  workers?: number;
  /** How many bytes there are to work on. @default {more than one thread does soon} */
  sizeBytes?: number;
  /** The level of zstd that they are packed at. @default {3} */
  level?: number;
  /** Ends the waits for jobs. */
  signal?: AbortSignal;
}

type Answer =
  | { ready: true }
  | { ok: true; result: JobResults[keyof JobResults] }
  | { ok: false; error: Failure };

/** What a worker tells of an error: its class does not come along. */
interface Failure {
  name: string;
  message: string;
  code?: string;
}

interface Waiting {
  job: Job;
  transfer: Transferable[];
  resolve: (result: never) => void;
  reject: (error: unknown) => void;
}

/** A worker, and the jobs that it was given and has not answered, in their order. */
interface Hand {
  readonly worker: Worker;
  readonly given: Waiting[];
  isReady: boolean;
  /** Whether it ends with what it was given. */
  isLeaving: boolean;
  /** How many pieces it compressed, copied or checked. */
  pieces: number;
}

const mostGiven = 2;

/** After so many pieces a worker ends and another begins: each leaves something that is collected too late, in all up to 50 MB. */
const mostPieces = 24_000;

/** Jobs that are given to who has no other, and have none given behind them: it might wait while another worker has nothing to do. */
const longJobs: readonly Job["type"][] = ["pack", "scan"];

/** An error of the class that it has in the worker, where that is one of Deno's. */
function errorOf(failure: Failure): Error {
  const { name, message } = failure;
  const known: Record<string, (new (message: string) => Error) | undefined> = Deno.errors;
  return Object.assign(new (known[name] ?? Error)(message), failure);
}

function isLong({ job }: Waiting): boolean {
  return longJobs.includes(job.type);
}

function piecesOf({ job }: Waiting): number {
  return "lengths" in job ? job.lengths.length : 0;
}

/**
 * Does jobs on several cores. Workers start when there is work for them and end with the pool; where none can be had (no permission
 * to read their file), the thread that asks does the work.
 */
export class JobPool implements Disposable {
  #limit: number;
  #signal: AbortSignal | undefined;
  #hands: Hand[] = [];
  #queue: Waiting[] = [];
  #closed: Error | undefined;
  #onAbort = () => this.#close(this.#signal?.reason);

  /** Starts nothing yet. */
  constructor(options: JobPoolOptions = {}) {
    const { workers, sizeBytes = Infinity, level, signal } = options;
    const most = isSoonDone(sizeBytes, level) ? 0 : Math.min(navigator.hardwareConcurrency || 1, 4);
    this.#limit = workers ?? most;
    this.#signal = signal;
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
    while (this.#hands.length < Math.min(count, this.#limit)) this.#startWorker();
  }

  /** Has at most so many workers from here on; those that are too many end with what they were given. */
  narrow(workers: number): void {
    this.#limit = Math.min(this.#limit, workers);
    for (const hand of this.#hands.slice(this.#limit)) hand.isLeaving = true;
    this.#dismiss();
  }

  /** Ends the workers with what they were given: what they keep for the next job of a kind is given back. Others start when there is work. */
  rest(): void {
    for (const hand of this.#hands) hand.isLeaving = true;
    this.#dismiss();
  }

  /** Does a job; what is in `transfer` is moved to the worker and cannot be used here any longer. */
  async run<J extends Job>(job: J, transfer: Transferable[] = []): Promise<JobResults[J["type"]]> {
    this.#signal?.throwIfAborted();
    if (this.#closed !== undefined) throw this.#closed;
    return await new Promise<JobResults[J["type"]]>((resolve, reject) => {
      this.#queue.push({ job, transfer, resolve: resolve as (result: never) => void, reject });
      this.#dispatch();
    });
  }

  /** Ends all workers, whatever they do. */
  [Symbol.dispose](): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#closed = new Error("the pool was closed");
    this.#close(this.#closed);
  }

  #close(reason: unknown): void {
    for (const { worker, given } of this.#hands.splice(0)) {
      worker.terminate();
      for (const waiting of given) waiting.reject(reason);
    }
    for (const waiting of this.#queue.splice(0)) waiting.reject(reason);
  }

  /** Ends the workers that leave and have done what they were given. */
  #dismiss(): void {
    const isGone = ({ isLeaving, given }: Hand) => isLeaving && given.length === 0;
    for (const { worker } of this.#hands.filter(isGone)) worker.terminate();
    this.#hands = this.#hands.filter((hand) => !isGone(hand));
  }

  #dispatch(): void {
    if (this.#limit === 0) return this.#workHere();
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const hand = this.#handFor(next);
      if (hand === undefined) break;
      this.#queue.shift();
      hand.worker.postMessage(next.job, next.transfer);
      hand.given.push(next);
    }
  }

  /** Who has nothing to do, else who has one job before this one, so that no worker waits for a thread that is busy; `undefined` if nobody. */
  #handFor(next: Waiting): Hand | undefined {
    const isIdle = ({ given }: Hand) => given.length === 0;
    if (this.#hands.length < this.#limit && !this.#hands.some(isIdle)) this.#startWorker();
    // What is moved to a worker that then cannot begin is lost.
    const able = this.#hands.filter((hand) => !hand.isLeaving)
      .filter(({ isReady }) => isReady || next.transfer.length === 0)
      .sort((a, b) => Number(b.isReady) - Number(a.isReady));
    const mayWait = ({ given }: Hand) => given.length < mostGiven && !given.some(isLong);
    return able.find(isIdle) ?? (isLong(next) ? undefined : able.find(mayWait));
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
    const hand: Hand = { worker, given: [], isReady: false, isLeaving: false, pieces: 0 };
    this.#hands.push(hand);
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      hand.isReady = true;
      if ("ok" in data) {
        const waiting = hand.given.shift();
        if (waiting !== undefined) hand.pieces += piecesOf(waiting);
        if (hand.pieces >= mostPieces) hand.isLeaving = true;
        if (data.ok) waiting?.resolve(data.result as never);
        else waiting?.reject(errorOf(data.error));
        this.#dismiss();
      }
      this.#dispatch();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#lose(hand, event.message);
    };
  }

  /** Goes on without a worker. One that could not begin has done nothing of what it was given. */
  #lose(hand: Hand, message: string): void {
    hand.worker.terminate();
    if (!this.#hands.includes(hand)) return;
    this.#hands = this.#hands.filter((other) => other !== hand);
    if (hand.isReady) {
      for (const { reject } of hand.given) reject(new Error(`a worker ended: ${message}`));
    } else {
      this.#limit = this.#hands.length;
      this.#queue.unshift(...hand.given);
    }
    this.#dispatch();
  }
}
