/** A share in the use of the cache, until it is disposed of. */
export class CacheUse implements Disposable {
  #release: (() => void) | undefined;

  /** Calls back once when it is disposed of. */
  constructor(release: () => void) {
    this.#release = release;
  }

  /** Ends the share. */
  [Symbol.dispose](): void {
    this.#release?.();
    this.#release = undefined;
  }
}
