import { Hasher } from "../base/digest.ts";
import { UnreachableError, VerificationError } from "../base/errors.ts";
import type { Descriptor } from "./descriptor.ts";
import { wrongDigest } from "./wrong_digest.ts";

/**
 * Reads a blob in windows and hashes all of it, also what is passed over. A window may be asked for again: the reading then goes back to
 * the last point that was held. The last byte is given only once the digest is right.
 */
export class HashedReader implements AsyncDisposable {
  #descriptor: Descriptor;
  #name: string;
  #open: (start: number) => AsyncIterable<Uint8Array>;
  #held = new Hasher();
  #hasher = new Hasher();
  #stream: AsyncIterator<Uint8Array> | undefined;
  #rest: Uint8Array | undefined;

  /** Reads nothing yet; `open` gives the bytes from an offset on. */
  constructor(
    descriptor: Descriptor,
    name: string,
    open: (start: number) => AsyncIterable<Uint8Array>,
  ) {
    this.#descriptor = descriptor;
    this.#name = name;
    this.#open = open;
  }

  /** The bytes from `start` up to `end`; what lies between the position and `start` is hashed and passed over. */
  async *window(start: number, end: number): AsyncIterableIterator<Uint8Array> {
    if (this.#held.size > start) this.#held = new Hasher();
    if (this.#hasher.size > start) await this.#back();
    while (this.#hasher.size < end) {
      const position = this.#hasher.size;
      if (position === start && this.#held.size < start) this.hold();
      const limit = position < start ? start : end;
      const piece = await this.#next();
      const part = piece.subarray(0, limit - position);
      this.#rest = part.byteLength < piece.byteLength ? piece.subarray(part.byteLength) : undefined;
      this.#hasher.update(part);
      if (this.#hasher.size === this.#descriptor.size) this.#check();
      if (position >= start) yield part;
    }
  }

  /** What was read so far will not be asked for again. */
  hold(): void {
    this.#held = this.#hasher.copy();
  }

  /** Goes back to what was held: the next window is read anew. */
  async rewind(): Promise<void> {
    await this.#back();
  }

  /** Ends the reading. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #next(): Promise<Uint8Array> {
    if (this.#rest !== undefined) return this.#rest;
    this.#stream ??= this.#open(this.#hasher.size)[Symbol.asyncIterator]();
    const { done, value } = await this.#stream.next();
    if (!done) return value;
    throw new UnreachableError(
      `Cannot take ${this.#descriptor.digest} from "${this.#name}": ` +
        `it ended after ${this.#hasher.size} of ${this.#descriptor.size} bytes`,
      { side: "source" },
    );
  }

  #check(): void {
    if (this.#rest !== undefined) {
      throw new VerificationError(
        `Cannot take ${this.#descriptor.digest} from "${this.#name}": ` +
          `it has more than ${this.#descriptor.size} bytes`,
        { side: "source" },
      );
    }
    const digest = this.#hasher.digest();
    if (digest === this.#descriptor.digest) return;
    throw wrongDigest(this.#descriptor, this.#name, digest);
  }

  async #back(): Promise<void> {
    await this.#close();
    this.#hasher = this.#held.copy();
  }

  async #close(): Promise<void> {
    await this.#stream?.return?.();
    this.#stream = undefined;
    this.#rest = undefined;
  }
}
