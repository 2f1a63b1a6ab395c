/**
 * Threads that copy store paths, several at once.
 *
 * Invariants: what a thread finds whole was proven there; where no thread can be had, or a path cannot be copied there, it is left to whoever
 * asked; no thread writes any more once the crew is disposed of.
 *
 * @module
 */
import { join } from "@std/path";
import type { CopyOrder, CopyReport } from "./copy_worker.ts";
import { Crew, type CrewMember } from "./crew.ts";
import type { UnpackOptions, WantedPath } from "./store_source.ts";
import { Thread } from "./thread.ts";

/** What a crew works on. */
export interface CopyCrewOptions extends Pick<UnpackOptions, "folder" | "work" | "threads"> {
  /** The folder of the store paths that are copied. */
  from: string;
}

/** One thread, and what it is asked for. */
class Copier implements CrewMember {
  readonly #thread: Thread<CopyOrder, CopyReport>;
  readonly #asked = new Map<string, PromiseWithResolvers<string | undefined>>();

  constructor(start: CopyOrder) {
    this.#thread = new Thread({
      module: new URL("./copy_worker.ts", import.meta.url).href,
      start,
      onReport: ({ baseName, path }) => this.#asked.get(baseName)?.resolve(path),
      onBroken: () => {
        for (const { resolve } of this.#asked.values()) resolve(undefined);
      },
    });
  }

  get load(): number {
    return this.#asked.size;
  }

  get isBroken(): boolean {
    return this.#thread.isBroken;
  }

  async copy(path: WantedPath, signal: AbortSignal): Promise<string | undefined> {
    const { baseName } = path;
    const asked = Promise.withResolvers<string | undefined>();
    const abort = () => asked.reject(signal.reason);
    this.#asked.set(baseName, asked);
    signal.addEventListener("abort", abort, { once: true });
    try {
      this.#thread.tell({ copy: path });
      return await asked.promise;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#asked.delete(baseName);
    }
  }

  async stop(): Promise<void> {
    await this.#thread.stop({ stop: true });
  }
}

/** Copies paths until it is disposed of. */
export class CopyCrew implements AsyncDisposable {
  readonly #crew: Crew<Copier>;

  /** Starts no thread yet. */
  constructor({ from, folder, work, threads }: CopyCrewOptions) {
    let started = 0;
    this.#crew = new Crew(threads, () => {
      return new Copier({ from, folder, work: join(work, String(started++)), common: work });
    });
  }

  /** How many paths are worth being under way at once. */
  get concurrency(): number {
    return this.#crew.concurrency;
  }

  /** Copies a path, each name once; gives where it is whole and proven, `undefined` where that could not be done here. */
  async copy(path: WantedPath, signal: AbortSignal): Promise<string | undefined> {
    signal.throwIfAborted();
    return await this.#crew.idlest()?.copy(path, signal);
  }

  /** Ends the threads, once they write nothing more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#crew[Symbol.asyncDispose]();
  }
}
