/** How one of several callers would do work of which all want the result. */
export interface OwnWork<Result> {
  /** Does it. */
  readonly run: () => Promise<Result>;
  /** What it is done by, such as a source: where that fails, another may do. */
  readonly by: unknown;
  /** Aborts it. */
  readonly signal: AbortSignal;
}

interface StandingWork<Result> {
  readonly result: Promise<Result>;
  readonly by: unknown;
  isEnded: boolean;
}

/**
 * Work whose result several callers want: the first one does it. If that one is aborted, or fails by means that the next one does not share, the
 * next one does it.
 */
export class SharedWork<Key, Result> {
  #standing = new Map<Key, StandingWork<Result>>();

  /** The result that stands, or is about to. */
  of(key: Key): Promise<Result> | undefined {
    return this.#standing.get(key)?.result;
  }

  /** Gives the result that stands, or does the work; a failure counts for those who would do it by the same means, unless it was an abort. */
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
