/**
 * A file that is read from its start while somebody else still writes it.
 *
 * Invariants: no byte is read before it was said to be there for good; a file that ends before it should is an error, never a
 * short read.
 *
 * @module
 */

/** A file of which more and more bytes are there. */
export class GrowingFile {
  /** Where it lies. */
  readonly path: string;
  #prefixBytes = 0;
  #sizeBytes: number | undefined;
  #more = Promise.withResolvers<void>();

  /** A file of which nothing is there yet. */
  constructor(path: string) {
    this.path = path;
  }

  /** A file that is there whole. */
  static async whole(path: string): Promise<GrowingFile> {
    const file = new GrowingFile(path);
    file.finish((await Deno.stat(path)).size);
    return file;
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
    const memory = reuse ? new Uint8Array(pieceBytes) : undefined;
    let file: Deno.FsFile | undefined;
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
        await readWhole(file, piece, at);
        at += wanted;
        yield piece;
      }
    } finally {
      file?.close();
    }
  }
}

async function readWhole(file: Deno.FsFile, piece: Uint8Array, at: number): Promise<void> {
  for (let filled = 0; filled < piece.byteLength;) {
    const count = await file.read(piece.subarray(filled));
    if (count === null) throw new Error(`the file ended after ${at + filled} bytes`);
    filled += count;
  }
}
