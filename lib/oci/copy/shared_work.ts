/** Work of which the result is wanted by several: whoever asks first does it, and where he is ended, the next one does. */
export class SharedWork<Key, Result> {
  #standing = new Map<Key, { readonly result: Promise<Result>; isEnded: boolean }>();

  /** The result that stands, or is about to. */
  of(key: Key): Promise<Result> | undefined {
    return this.#standing.get(key)?.result;
  }

  /**
   * Gives the result that stands, or does the work.
   *
   * @param signal ends the work that is done by `run`; that of another who was ended does not count
   */
  async get(key: Key, run: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    for (;;) {
      const work = this.#standing.get(key) ?? this.#begin(key, run, signal);
      try {
        return await work.result;
      } catch (error) {
        signal.throwIfAborted();
        if (!work.isEnded) throw error;
      }
    }
  }

  #begin(key: Key, run: () => Promise<Result>, signal: AbortSignal) {
    const work = {
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
