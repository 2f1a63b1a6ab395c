import type { Descriptor } from "../oci/descriptor.ts";

/** The bytes of a layer, read once: where its reader finds a fault in them, the rest tells whether they were the right ones. */
export class LayerStream implements AsyncDisposable {
  /** Whose bytes they are. */
  readonly layer: Descriptor;
  readonly #pieces: AsyncGenerator<Uint8Array, void, void>;
  #isWhole = false;
  #failure: { error: unknown } | undefined;

  /** Takes the bytes, which are proven as they come: to come to their end is to have them all, and the right ones. */
  constructor(layer: Descriptor, pieces: AsyncGenerator<Uint8Array, void, void>) {
    this.layer = layer;
    this.#pieces = pieces;
  }

  /** Whether their end was reached. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** For a reader, who may end before they do. */
  async *read(): AsyncGenerator<Uint8Array> {
    for (let piece = await this.#next(); piece !== undefined; piece = await this.#next()) {
      yield piece;
    }
  }

  /** Reads what a reader left, to its end; throws what is wrong with them. */
  async prove(): Promise<void> {
    while (await this.#next() !== undefined);
  }

  /** Ends the reading. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pieces.return();
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      const { done, value } = await this.#pieces.next();
      if (done !== true) return value;
      this.#isWhole = true;
      return undefined;
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }
}
