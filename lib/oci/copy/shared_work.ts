/** How somebody would do work that is wanted by several. */
export interface OwnWork<Result> {
  /** Does it. */
  readonly run: () => Promise<Result>;
  /** By what it is done: what fails by one thing may be done by another. */
  readonly by: unknown;
  /** Ends it. */
  readonly signal: AbortSignal;
}

interface StandingWork<Result> {
  readonly result: Promise<Result>;
  readonly by: unknown;
  isEnded: boolean;
}

/**
 * Work of which the result is wanted by several: whoever asks first does it, and where he is ended, or it fails by what he does it by, the next
 * one does.
 */
export class SharedWork<Key, Result> {
  #standing = new Map<Key, StandingWork<Result>>();

  /** The result that stands, or is about to. */
  of(key: Key): Promise<Result> | undefined {
    return this.#standing.get(key)?.result;
  }

  /** Gives the result that stands, or does the work; the failure of another counts if it is done by the same, and he was not ended. */
  async get(key: Key, own: OwnWork<Result>): Promise<Result> {
    for (;;) {
      const work = this.#standing.get(key) ?? this.#begin(key, own);
      try {
        return await work.result;
      } catch (error) {
        own.signal.throwIfAborted();
        if (work.by === own.by && !work.isEnded) throw error;
      }
    }
  }

  #begin(key: Key, { run, by, signal }: OwnWork<Result>): StandingWork<Result> {
    const work: StandingWork<Result> = {
      by,
      isEnded: false,
      result: run().catch((error) => {
        work.isEnded = signal.aborted;
        this.#standing.delete(key);
        throw error;
      }),
    };
    this.#standing.set(key, work);
    return work;
  }
}
