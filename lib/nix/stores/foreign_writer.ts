import { KedgeError } from "../../base/errors.ts";
import type { ObjectWriter } from "./object_store.ts";

/** Stands for the writing side of a store that a program of somebody else writes to. */
export class ForeignWriter implements ObjectWriter {
  readonly url: string;

  /** Takes what the store is, for people. */
  constructor(url: string) {
    this.url = url;
  }

  requestsFor(): number {
    return 0;
  }

  put(key: string): Promise<void> {
    return Promise.reject(this.#refusal(key));
  }

  replace(key: string): Promise<void> {
    return Promise.reject(this.#refusal(key));
  }

  putFile(key: string): Promise<void> {
    return Promise.reject(this.#refusal(key));
  }

  #refusal(key: string): KedgeError {
    return new KedgeError(
      `Cannot write "${key}" to "${this.url}": a program of its own writes there`,
    );
  }
}
