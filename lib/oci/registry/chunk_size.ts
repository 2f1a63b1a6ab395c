import type { UploadHabits } from "../memory.ts";

/** Less than this is not worth a request, in bytes. */
const leastBytes = 64 * 1024;
/** After so many chunks that were taken whole, a larger one is tried. */
const wholesToGrow = 8;

/** A registry, and what is known of it. */
export interface ChunkedHost {
  /** What it showed of how it takes uploads, in this run or an earlier one. */
  readonly shown: Partial<UploadHabits>;
  /** Remembers what it showed. */
  learn(learned: Partial<UploadHabits>): void;
}

/**
 * How large the chunks are that a registry is sent: as large as wanted, unless it takes only a part of each; then no larger than what it
 * took, so that little goes out in vain, and now and again twice as much, so that one bad day of it does not last. What a registry takes is remembered with its other habits.
 */
export class ChunkSize {
  static readonly #known = new WeakMap<ChunkedHost, ChunkSize>();

  /** That of a registry, the same for all that is sent to it. */
  static with(host: ChunkedHost): ChunkSize {
    const size = ChunkSize.#known.get(host) ?? new ChunkSize(host);
    ChunkSize.#known.set(host, size);
    return size;
  }

  #host: ChunkedHost | undefined;
  #most: number;
  #wholes = 0;

  /** That which is remembered of a registry, or as large as wanted. */
  constructor(host?: ChunkedHost) {
    this.#host = host;
    this.#most = Math.max(host?.shown.mostChunkBytes ?? Infinity, leastBytes);
  }

  /** The size of the next chunk, in bytes; what the registry wants at least comes before all else. */
  of(wantedBytes: number, minBytes: number): number {
    return Math.max(Math.min(wantedBytes, this.#most), minBytes);
  }

  /** Takes note of how much of a chunk was taken. */
  took(sentBytes: number, takenBytes: number): void {
    if (takenBytes < sentBytes) {
      this.#wholes = 0;
      this.#set(Math.max(takenBytes, leastBytes));
    } else if (sentBytes >= this.#most && ++this.#wholes >= wholesToGrow) {
      this.#wholes = 0;
      this.#set(this.#most * 2);
    }
  }

  #set(mostChunkBytes: number): void {
    if (mostChunkBytes === this.#most) return;
    this.#most = mostChunkBytes;
    this.#host?.learn({ mostChunkBytes });
  }
}
