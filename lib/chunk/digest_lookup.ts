/**
 * Finds digests by their bytes, in two typed arrays and no object per digest.
 *
 * Open addressing with linear steps, half full at most.
 *
 * @module
 */
import { freeMemory } from "../base/free_memory.ts";
import { sameDigestAt } from "./digest_column.ts";
import { digestHash } from "./digest_hash.ts";

/** Numbers of digests in a column of 32 bytes each; the column may grow. What it takes besides the column is given back when it is disposed of. */
export class DigestLookup implements Disposable {
  #column: Uint8Array;
  #slots: Uint32Array<ArrayBuffer>;
  #mask: number;
  #count = 0;

  /** Takes a column, of which the first `count` digests are entered. */
  constructor(column: Uint8Array, count = 0) {
    this.#column = column;
    const size = 2 ** Math.ceil(Math.log2(Math.max(16, count * 2)));
    this.#slots = new Uint32Array(size);
    this.#mask = size - 1;
    for (let at = 0; at < count; at++) this.add(at);
  }

  /** How many different digests were entered. */
  get count(): number {
    return this.#count;
  }

  /** The number of an entered digest that is digest `at` of a column, or -1. */
  find(column: Uint8Array, at: number): number {
    const found = this.#slots[this.#slot(column, at)]!;
    return found - 1;
  }

  /** Enters digest `at` of the own column; gives the number of the same digest that was there before, or -1. */
  add(at: number): number {
    if (this.#count * 2 >= this.#slots.length) this.#grow();
    const slot = this.#slot(this.#column, at);
    const found = this.#slots[slot]!;
    if (found !== 0) return found - 1;
    this.#slots[slot] = at + 1;
    this.#count++;
    return -1;
  }

  /** Goes on with a longer copy of the column. */
  moveTo(column: Uint8Array): void {
    this.#column = column;
  }

  [Symbol.dispose](): void {
    freeMemory(this.#slots);
  }

  #slot(column: Uint8Array, at: number): number {
    let slot = digestHash(column, at, 32) & this.#mask;
    for (;;) {
      const found = this.#slots[slot]!;
      if (found === 0 || sameDigestAt(this.#column, found - 1, column, at)) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    this.#mask = this.#slots.length - 1;
    for (const entry of old) {
      if (entry !== 0) this.#slots[this.#slot(this.#column, entry - 1)] = entry;
    }
    freeMemory(old);
  }
}
