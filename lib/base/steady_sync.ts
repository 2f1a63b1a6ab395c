import { syncData } from "./sync_data.ts";

/** How many bytes may be written before the next part is made durable. */
const everyBytes = 64 * 1024 * 1024;

/** Makes a file durable while it is being written, so that little is left to wait for at its end. */
export class SteadySync implements AsyncDisposable {
  #path: string;
  #everyBytes: number;
  #sync: (path: string) => Promise<void>;
  #written = 0;
  #running: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;

  /** Does nothing until enough was written. */
  constructor(
    path: string,
    options: { everyBytes?: number; sync?: (path: string) => Promise<void> } = {},
  ) {
    this.#path = path;
    this.#everyBytes = options.everyBytes ?? everyBytes;
    this.#sync = options.sync ?? syncData;
  }

  /** Takes note of bytes that were written; never waits. */
  wrote(bytes: number): void {
    this.#written += bytes;
    if (this.#written >= this.#everyBytes && this.#running === undefined) this.#begin();
  }

  /**
   * Makes durable what was written so far.
   *
   * @throws what the system said of a part, which it may not say again at the end
   */
  async flush(): Promise<void> {
    await this.#running;
    if (this.#written > 0) await this.#begin();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #begin(): Promise<void> {
    this.#written = 0;
    return this.#running = this.#sync(this.#path)
      .catch((error) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running = undefined);
  }

  /**
   * Waits for what is under way; what was written since then is not yet durable.
   *
   * @throws what the system said of a part, which it may not say again at the end
   */
  async end(): Promise<void> {
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Waits for what is under way, whatever comes of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running;
  }
}
