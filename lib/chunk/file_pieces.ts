/** Reads and writes pieces of files, neighbours in one call of the system. @module */
import { writeAllSync } from "../base/files.ts";

/** How many bytes go together: as many as stay in a core's own cache while they are hashed. */
export const runBytes = 256 * 1024;

/** The piece after the last one that follows `first` without a gap, as far as they have `runBytes` together; one at least. */
export function endOfRun(offsets: Float64Array, lengths: Uint32Array, first: number): number {
  const start = offsets[first]!;
  let end = start + lengths[first]!;
  let next = first + 1;
  for (; next < lengths.length && offsets[next] === end; next++) {
    if (end + lengths[next]! - start > runBytes) break;
    end += lengths[next]!;
  }
  return next;
}

/** Fills a buffer from a place in a file; how many bytes there are. */
export function readAt(file: Deno.FsFile, offset: number, buffer: Uint8Array): number {
  file.seekSync(offset, Deno.SeekMode.Start);
  let filled = 0;
  while (filled < buffer.length) {
    const count = file.readSync(buffer.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return filled;
}

/** Writes pieces of memory to places in a file; those that are neighbours in both go together. */
export class PieceWriter {
  #file: Deno.FsFile;
  #piece = new Uint8Array(0);
  #offset = 0;

  /** Writes to this file, which it does not close. */
  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Takes a piece, which must stay as it is until {@linkcode flush}. */
  put(data: Uint8Array<ArrayBuffer>, offset: number): void {
    const { buffer, byteOffset, length } = this.#piece;
    const follows = data.buffer === buffer && data.byteOffset === byteOffset + length &&
      offset === this.#offset + length;
    if (follows) {
      this.#piece = new Uint8Array(buffer, byteOffset, length + data.length);
    } else {
      this.flush();
      this.#piece = data;
      this.#offset = offset;
    }
  }

  /** Writes what was put. */
  flush(): void {
    if (this.#piece.length === 0) return;
    this.#file.seekSync(this.#offset, Deno.SeekMode.Start);
    writeAllSync(this.#file, this.#piece);
    this.#piece = new Uint8Array(0);
  }
}
