/**
 * A file that is read from its start while somebody else still writes it.
 *
 * Invariants: no byte is read before it was said to be there for good; a file that ends before it should is an error, never a
 * short read.
 *
 * @module
 */

/** How a {@linkcode GrowingFile} is read. */
export interface GrowingFileOptions {
  /** Takes each piece before who asked for it does, and where in the file it begins. */
  onPiece?: (at: number, bytes: Uint8Array) => void;
  /** Whether a read may hold up its thread, which is faster; for workers alone. @default {false} */
  blocking?: boolean;
}

/** A file of which more and more bytes are there. */
export class GrowingFile {
  /** Where it lies. */
  readonly path: string;
  #options: GrowingFileOptions;
  #readers = 0;
  #prefixBytes = 0;
  #sizeBytes: number | undefined;
  #more = Promise.withResolvers<void>();

  /** A file of which nothing is there yet. */
  constructor(path: string, options: GrowingFileOptions = {}) {
    this.path = path;
    this.#options = options;
  }

  /** A file that is there whole. */
  static async whole(path: string): Promise<GrowingFile> {
    const file = new GrowingFile(path);
    file.finish((await Deno.stat(path)).size);
    return file;
  }

  /** Whether somebody is reading it. */
  get isRead(): boolean {
    return this.#readers > 0;
  }

  /** So many bytes from the start on are there for good. */
  grown(prefixBytes: number): void {
    this.#prefixBytes = prefixBytes;
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }

  /** All of its bytes are there. */
  finish(sizeBytes: number): void {
    this.#sizeBytes = sizeBytes;
    this.grown(sizeBytes);
  }

  /** Waits until all of it is there. */
  async finished(): Promise<void> {
    while (this.#sizeBytes === undefined) await this.#more.promise;
  }

  /**
   * Its bytes from the start on, in pieces of this size; the last may be smaller. With `reuse`, a piece is good only until the next
   * is asked for.
   */
  async *pieces(
    pieceBytes: number,
    { signal, reuse = false }: { signal?: AbortSignal; reuse?: boolean } = {},
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const { onPiece, blocking = false } = this.#options;
    const memory = reuse ? new Uint8Array(pieceBytes) : undefined;
    let file: Deno.FsFile | undefined;
    this.#readers++;
    try {
      for (let at = 0;;) {
        while (this.#sizeBytes === undefined && this.#prefixBytes < at + pieceBytes) {
          await this.#more.promise;
        }
        signal?.throwIfAborted();
        const wanted = Math.min(pieceBytes, (this.#sizeBytes ?? Infinity) - at);
        if (wanted === 0) return;
        file ??= await Deno.open(this.path, { read: true });
        const piece = memory?.subarray(0, wanted) ?? new Uint8Array(wanted);
        if (blocking) readWholeSync(file, piece, at);
        else await readWhole(file, piece, at);
        onPiece?.(at, piece);
        at += wanted;
        yield piece;
      }
    } finally {
      this.#readers--;
      file?.close();
    }
  }
}

async function readWhole(file: Deno.FsFile, piece: Uint8Array, at: number): Promise<void> {
  for (let filled = 0; filled < piece.byteLength;) {
    filled += countOf(await file.read(piece.subarray(filled)), at + filled);
  }
}

function readWholeSync(file: Deno.FsFile, piece: Uint8Array, at: number): void {
  for (let filled = 0; filled < piece.byteLength;) {
    filled += countOf(file.readSync(piece.subarray(filled)), at + filled);
  }
}

function countOf(count: number | null, at: number): number {
  if (count === null) throw new Error(`the file ended after ${at} bytes`);
  return count;
}
