/** Lets works of one name run one after the other, in the order in which they came; those of different names run at once. */
export class Turns {
  #last = new Map<string, Promise<unknown>>();

  /** Runs a work once those of its name that came before have ended, however they ended. */
  async take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name);
    const own = (async () => {
      await before?.catch(() => undefined);
      return await work();
    })();
    this.#last.set(name, own);
    try {
      return await own;
    } finally {
      if (this.#last.get(name) === own) this.#last.delete(name);
    }
  }
}
