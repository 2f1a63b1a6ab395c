import { Hasher } from "../base/digest.ts";
import { narString } from "./nar_pieces.ts";
import type { NarSummary } from "./nar_verifier.ts";

const bufferBytes = 64 * 1024;
const words = new Map<string, Uint8Array>();

/** The words of the format are the same in every NAR. */
function wordOf(word: string): Uint8Array {
  const standing = words.get(word);
  if (standing !== undefined) return standing;
  const bytes = narString(word);
  words.set(word, bytes);
  return bytes;
}

/** Hashes what a NAR is made of; what is small is collected, since each call of the hash costs as much as a kilobyte. */
export class NarWriter {
  readonly #hasher = new Hasher();
  #buffer = new Uint8Array(0);
  #filled = 0;

  /** Adds words of the format itself. */
  words(...all: readonly string[]): void {
    for (const word of all) this.bytes(wordOf(word));
  }

  /** Adds a string: a name, or the target of a symlink. */
  string(text: string): void {
    this.bytes(narString(text));
  }

  /** Adds the length of contents. */
  length(size: number): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(size), true);
    this.bytes(bytes);
  }

  /** Adds bytes as they are. */
  bytes(bytes: Uint8Array): void {
    if (this.#filled + bytes.length > bufferBytes) this.#flush();
    if (bytes.length > bufferBytes / 4) {
      this.#flush();
      this.#hasher.update(bytes);
      return;
    }
    if (this.#buffer.length < this.#filled + bytes.length) this.#grow(bytes.length);
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

  /** Most NARs of a store are small. */
  #grow(more: number): void {
    const size = Math.min(bufferBytes, Math.max(4096, 2 * (this.#filled + more)));
    const larger = new Uint8Array(size);
    larger.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = larger;
  }
}
