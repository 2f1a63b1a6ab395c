import { Hasher } from "../../base/digest.ts";
import { padded } from "./nar_pieces.ts";
import type { NarSummary } from "./nar_verifier.ts";

const bufferBytes = 64 * 1024;
const encoder = new TextEncoder();

/** Hashes what a NAR is made of; what is small is collected, since each call of the hash costs as much as a kilobyte. */
export class NarWriter {
  readonly #hasher = new Hasher();
  #buffer = new Uint8Array(0);
  #filled = 0;

  /** Adds a string: a name, or the target of a symlink. */
  string(text: string): void {
    // A character takes three bytes at most.
    this.#reserve(16 + 3 * text.length);
    const at = this.#filled;
    const { written } = encoder.encodeInto(text, this.#buffer.subarray(at + 8));
    this.length(written);
    this.#filled += written;
    this.zeros(padded(written) - written);
  }

  /** Adds the length of contents. */
  length(size: number): void {
    this.#reserve(8);
    let left = size;
    for (let i = 0; i < 8; i++) {
      this.#buffer[this.#filled++] = left % 256;
      left = Math.floor(left / 256);
    }
  }

  /** Adds so many zeros, few of them. */
  zeros(count: number): void {
    this.#reserve(count);
    this.#buffer.fill(0, this.#filled, this.#filled + count);
    this.#filled += count;
  }

  /** Adds bytes as they are. */
  bytes(bytes: Uint8Array): void {
    if (bytes.length > bufferBytes / 4) {
      this.#flush();
      this.#hasher.update(bytes);
      return;
    }
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  /** Hash and size of all. */
  summary(): NarSummary {
    this.#flush();
    return { narHash: this.#hasher.digest(), narSize: this.#hasher.size };
  }

  #flush(): void {
    if (this.#filled > 0) this.#hasher.update(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  /** Makes room for so many bytes; most NARs of a store are small. */
  #reserve(more: number): void {
    if (this.#filled + more <= this.#buffer.length) return;
    if (this.#filled + more > bufferBytes) this.#flush();
    if (this.#filled + more <= this.#buffer.length) return;
    const size = Math.max(more, Math.min(bufferBytes, Math.max(4096, 2 * (this.#filled + more))));
    const larger = new Uint8Array(size);
    larger.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = larger;
  }
}
