import { type ChunkTable, holeRow } from "./chunk_table.ts";
import type { Chunker } from "./chunker.ts";
import { DigestLookup } from "./digest_lookup.ts";

/** Makes a {@linkcode ChunkTable} of rows in file order. Chunks are numbered by their first appearance. */
export class TableBuilder {
  #chunker: Chunker;
  #digests: Uint8Array<ArrayBuffer> = new Uint8Array(32 * 256);
  #lengths: Uint32Array<ArrayBuffer> = new Uint32Array(256);
  #rows: Uint32Array<ArrayBuffer> = new Uint32Array(256);
  #offsets: Float64Array<ArrayBuffer> = new Float64Array(257);
  #chunks = 0;
  #count = 0;
  #size = 0;
  #lookup: DigestLookup;

  /** Begins with no row. */
  constructor(chunker: Chunker) {
    this.#chunker = chunker;
    this.#lookup = new DigestLookup(this.#digests);
  }

  /** Adds a chunk: digest number `at` of a column of 32 bytes each. */
  chunk(column: Uint8Array, at: number, length: number): void {
    if (this.#chunks === this.#lengths.length) {
      this.#digests = new Uint8Array(resized(this.#digests, this.#digests.length * 2));
      this.#lengths = new Uint32Array(resized(this.#lengths, this.#lengths.length * 2));
      this.#lookup.moveTo(this.#digests);
    }
    this.#digests.set(column.subarray(at * 32, at * 32 + 32), this.#chunks * 32);
    const same = this.#lookup.add(this.#chunks);
    if (same < 0) this.#lengths[this.#chunks++] = length;
    this.#row(same < 0 ? this.#chunks - 1 : same, length);
  }

  /** Adds a hole, or makes the one before it longer. */
  hole(length: number): void {
    if (length === 0) return;
    if (this.#count > 0 && this.#rows[this.#count - 1] === holeRow) {
      this.#size += length;
      this.#offsets[this.#count] = this.#size;
    } else {
      this.#row(holeRow, length);
    }
  }

  /** The table of all rows; none can be added then. */
  table(): ChunkTable {
    return {
      chunker: this.#chunker,
      size: this.#size,
      digests: new Uint8Array(resized(this.#digests, this.#chunks * 32)),
      lengths: new Uint32Array(resized(this.#lengths, this.#chunks)),
      rows: new Uint32Array(resized(this.#rows, this.#count)),
      rowOffsets: new Float64Array(resized(this.#offsets, this.#count + 1)),
    };
  }

  #row(row: number, length: number): void {
    if (this.#count === this.#rows.length) {
      this.#rows = new Uint32Array(resized(this.#rows, this.#rows.length * 2));
      this.#offsets = new Float64Array(resized(this.#offsets, this.#rows.length + 1));
    }
    this.#rows[this.#count++] = row;
    this.#size += length;
    this.#offsets[this.#count] = this.#size;
  }
}

/** The memory of an array, for so many elements: a copy would leave the old one to the collector, which counts it too late. */
function resized(
  { buffer, BYTES_PER_ELEMENT }: { buffer: ArrayBuffer; BYTES_PER_ELEMENT: number },
  length: number,
): ArrayBuffer {
  return buffer.transfer(length * BYTES_PER_ELEMENT);
}
