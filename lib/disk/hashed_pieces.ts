import { Hasher } from "../base/digest.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Gives the bytes of a blob part by part as they come, and hashes all of them. */
export class HashedPieces implements AsyncDisposable {
  /** All bytes, as far as they came, where they were to be kept. */
  readonly kept: Bytes | undefined;
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #blob: DiskBlob;
  readonly #hasher = new Hasher();
  /** What came and was not given yet. */
  #piece = new Uint8Array();
  #given = 0;

  /** Begins at the first byte; a piece may be reused once the next one is asked for. */
  constructor(pieces: AsyncIterable<Uint8Array>, blob: DiskBlob, keeps: boolean) {
    this.#pieces = pieces[Symbol.asyncIterator]();
    this.#blob = blob;
    this.kept = keeps ? new Uint8Array(blob.size) : undefined;
  }

  /** The next bytes, so many or as many as there are: a part of what is kept, or the caller's alone. */
  async read(count: number): Promise<Bytes> {
    const left = Math.min(count, this.#blob.size - this.#given);
    const bytes = this.kept?.subarray(this.#given, this.#given + left) ?? new Uint8Array(left);
    let at = 0;
    while (at < left && (this.#piece.length > 0 || await this.#next())) {
      const part = this.#piece.subarray(0, left - at);
      bytes.set(part, at);
      at += part.length;
      this.#piece = this.#piece.subarray(part.length);
    }
    this.#given += at;
    return at === left ? bytes : bytes.subarray(0, at);
  }

  /** Whether all bytes are those of the blob; reads the rest, as far as it may be that. */
  async isWhole(): Promise<boolean> {
    const { digest, size } = this.#blob;
    while (this.#hasher.size <= size) if (!await this.#next()) break;
    return this.#hasher.size === size && this.#hasher.digest() === digest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pieces.return?.();
  }

  async #next(): Promise<boolean> {
    const { done, value } = await this.#pieces.next();
    if (done === true) return false;
    this.#hasher.update(value);
    this.#piece = value as Bytes;
    return true;
  }
}
