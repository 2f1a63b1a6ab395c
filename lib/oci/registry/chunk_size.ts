/** Less than this is not worth a request, in bytes. */
const leastBytes = 64 * 1024;
/** After so many chunks that were taken whole, a larger one is tried. */
const wholesToGrow = 8;

/**
 * How large the chunks are that a registry is sent: as large as wanted, unless it takes only a part of each; then no larger than what it
 * took, so that little goes out in vain, and now and again twice as much, so that one bad day of it does not last.
 */
export class ChunkSize {
  static readonly #known = new WeakMap<object, ChunkSize>();

  /** That of a registry, the same for all that is sent to it. */
  static with(host: object): ChunkSize {
    const size = ChunkSize.#known.get(host) ?? new ChunkSize();
    ChunkSize.#known.set(host, size);
    return size;
  }

  #most = Infinity;
  #wholes = 0;

  /** The size of the next chunk, in bytes; what the registry wants at least comes before all else. */
  of(wantedBytes: number, minBytes: number): number {
    return Math.max(Math.min(wantedBytes, this.#most), minBytes);
  }

  /** Takes note of how much of a chunk was taken. */
  took(sentBytes: number, takenBytes: number): void {
    if (takenBytes < sentBytes) {
      this.#most = Math.max(takenBytes, leastBytes);
      this.#wholes = 0;
    } else if (sentBytes >= this.#most && ++this.#wholes >= wholesToGrow) {
      this.#most *= 2;
      this.#wholes = 0;
    }
  }
}
