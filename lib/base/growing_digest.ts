import { type Digest, Hasher } from "./digest.ts";

const bufferBytes = 256 * 1024;

/**
 * The digest of a file that somebody else still writes, read as far as it is said to be there. It reads without giving way to
 * anything else, and belongs in a worker.
 */
export class GrowingDigest {
  #file: Deno.FsFile;
  #hasher = new Hasher();
  #buffer = new Uint8Array(bufferBytes);

  /** Opens the file of this path, which must exist. */
  constructor(path: string) {
    this.#file = Deno.openSync(path, { read: true });
  }

  /** Hashes what somebody else read of the file, where it begins at or before the first byte that was not hashed yet. */
  take(at: number, bytes: Uint8Array): void {
    const known = this.#hasher.size - at;
    if (known >= 0 && known < bytes.byteLength) this.#hasher.update(bytes.subarray(known));
  }

  /**
   * Hashes what lies before this byte and was not hashed yet.
   *
   * @throws {Error} if the file ends before it
   */
  upTo(end: number): void {
    if (this.#hasher.size < end) this.#file.seekSync(this.#hasher.size, Deno.SeekMode.Start);
    while (this.#hasher.size < end) {
      const left = end - this.#hasher.size;
      const count = this.#file.readSync(this.#buffer.subarray(0, Math.min(bufferBytes, left)));
      if (count === null) throw new Error(`the file ended after ${this.#hasher.size} bytes`);
      this.#hasher.update(this.#buffer.subarray(0, count));
    }
  }

  /**
   * The digest of the whole, which has this size; nothing is hashed after it.
   *
   * @throws {Error} if the file ends before it
   */
  finish(sizeBytes: number): Digest {
    this.upTo(sizeBytes);
    this.#file.close();
    return this.#hasher.digest();
  }
}
