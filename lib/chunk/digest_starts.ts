/**
 * Which digests were there, by their first 12 bytes: 16 bytes per digest instead of 40, for whoever only counts.
 *
 * Among the 2^23 chunks of two indexes at the format's most, two different ones begin alike once in 2^51 pairs of indexes. Whoever crafts some that do
 * has them taken for one here, and only here: whatever is read by a digest is read by all 32 bytes.
 *
 * @module
 */
import { freeMemory } from "../base/free_memory.ts";
import { digestHash } from "./digest_hash.ts";

const startBytes = 12;

/** A set of digests, open addressing with linear steps, three quarters full at most. Its memory is given back when it is disposed of. */
export class DigestStarts implements Disposable {
  /** Three words for each place; all are 0 where it is free. */
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #places: number;
  /** Whether the one is there whose words are 0. */
  #hasZero = false;

  /** Makes room for so many. */
  constructor(most: number) {
    this.#places = Math.ceil(most * 4 / 3) + 1;
    this.#words = new Uint32Array(this.#places * 3);
  }

  /** Whether digest `at` of a column of 32 bytes each is there. */
  has(column: Uint8Array, at: number): boolean {
    return this.#look(column, at, false);
  }

  /** Enters digest `at` of a column; gives whether it was there before. */
  add(column: Uint8Array, at: number): boolean {
    return this.#look(column, at, true);
  }

  [Symbol.dispose](): void {
    freeMemory(this.#words);
  }

  #look(column: Uint8Array, at: number, enters: boolean): boolean {
    const [a, b, c] = [
      wordAt(column, at * 32),
      wordAt(column, at * 32 + 4),
      wordAt(column, at * 32 + 8),
    ];
    if ((a | b | c) === 0) {
      const had = this.#hasZero;
      this.#hasZero ||= enters;
      return had;
    }
    const words = this.#words;
    let place = Math.floor(digestHash(column, at, startBytes) / 2 ** 32 * this.#places);
    for (;; place = place + 1 === this.#places ? 0 : place + 1) {
      const i = place * 3;
      if (words[i] === a && words[i + 1] === b && words[i + 2] === c) return true;
      if ((words[i]! | words[i + 1]! | words[i + 2]!) === 0) break;
    }
    if (enters) {
      words[place * 3] = a;
      words[place * 3 + 1] = b;
      words[place * 3 + 2] = c;
    }
    return false;
  }
}

function wordAt(column: Uint8Array, at: number): number {
  const word = column[at]! | column[at + 1]! << 8 | column[at + 2]! << 16 | column[at + 3]! << 24;
  return word >>> 0;
}
