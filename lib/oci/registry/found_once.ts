/** What is looked for once for each key, however many want it, and once more where what was found is good no longer. */
export class FoundOnce<Value> {
  #found = new Map<string, Promise<Value>>();

  /**
   * Gives what stands for the key, or looks for it by `find`.
   *
   * @param stale what was given before and is good no longer; what stands is another if somebody has said so already
   */
  async get(key: string, find: () => Promise<Value>, stale?: Value): Promise<Value> {
    const standing = this.#found.get(key);
    if (standing !== undefined) {
      if (stale === undefined || await standing !== stale) return await standing;
      const during = this.#found.get(key);
      if (during !== undefined && during !== standing) return await during;
    }
    const found = find();
    this.#found.set(key, found);
    return await found;
  }
}
