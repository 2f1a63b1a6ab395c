/**
 * Cuts a whole file and hashes its chunks, on all cores.
 *
 * Invariants: the table is the one that a single scanner makes of the whole file; memory stays the same at any size. Parts of the file are
 * cut at the same time, each as if a row began at its first byte. What follows a cut depends on the bytes after it alone, so that from the
 * first cut on which a part agrees with the part before it, its rows are the rows of the file; up to there the file is cut once more.
 *
 * @module
 */
import { freeMemory } from "../base/free_memory.ts";
import type { ChunkTable } from "./chunk_table.ts";
import type { Chunker } from "./chunker.ts";
import type { ScanResult } from "./job.ts";
import type { JobPool } from "./job_pool.ts";
import { largeChunk } from "./most_workers.ts";
import { scanSegment } from "./scan_segment.ts";
import { TableBuilder } from "./table_builder.ts";

/** Options of {@linkcode scanFile}. */
export interface ScanFileOptions {
  /** Cuts and hashes. */
  pool: JobPool;
  /** Told of each piece read, in bytes. */
  onRead?: (bytes: number) => void;
  /** Ends the reading. */
  signal?: AbortSignal;
  /** The length of a part, in bytes; of fixed blocks a multiple of theirs. @default {8 MiB, or twice the greatest chunk} */
  segmentBytes?: number;
}

/** A part of the file under way. */
interface Segment {
  readonly start: number;
  readonly end: number;
  readonly result: Promise<ScanResult>;
}

/** The table of a file, as large as it is now; of one that becomes shorter meanwhile, the table ends there or a chunk before. */
export async function scanFile(
  path: string,
  chunker: Chunker,
  options: ScanFileOptions,
): Promise<ChunkTable> {
  const { pool, onRead, signal } = options;
  const { size: sizeBytes } = await Deno.stat(path);
  const stride = options.segmentBytes ?? Math.max(8 * 1024 * 1024, 2 * chunker.maxBytes);
  const job = (start: number, end: number) =>
    ({ type: "scan", path, chunker, start, end: Math.min(sizeBytes, end), sizeBytes }) as const;
  const seam = new Seam(new TableBuilder(chunker));
  const segments: Segment[] = [];
  let next = 0;
  try {
    while (seam.at < sizeBytes) {
      signal?.throwIfAborted();
      while (segments.length <= pool.width && next < sizeBytes) {
        const result = pool.run(job(next, next + stride));
        result.catch(() => {}); // It is awaited below; until then it must not count as unhandled.
        segments.push({ start: next, end: Math.min(sizeBytes, next + stride), result });
        next += stride;
      }
      const segment = segments.shift();
      if (segment === undefined) break; // The file became shorter.
      const result = await segment.result;
      while (!seam.join(segment.start, result) && seam.at < segment.end) {
        const before = seam.at;
        const missing = job(before, before + chunker.maxBytes);
        // A few rows: not worth the wait for a worker, unless this thread would keep as much memory as one.
        const isLarge = chunker.maxBytes > largeChunk;
        seam.join(before, isLarge ? await pool.run(missing) : scanSegment(missing));
        if (seam.at === before) return seam.table();
      }
      freeMemory(result.digests);
      onRead?.(segment.end - segment.start);
    }
  } finally {
    await Promise.allSettled(segments.map(({ result }) => result));
  }
  return seam.table();
}

/** Takes rows of parts, from where they agree with what was taken before. */
class Seam {
  /** Where the next row begins. */
  at = 0;
  #builder: TableBuilder;
  #inHole = false;

  constructor(builder: TableBuilder) {
    this.#builder = builder;
  }

  /** Takes the rows of a part from the one that begins where the last row ended; `false` if there is no such row. */
  join(start: number, { rows, digests }: ScanResult): boolean {
    let [chunk, row, from] = [0, 0, start];
    for (; row < rows.length && from < this.at; row++) {
      const length = rows[row]!;
      if (length < 0 && this.#inHole && from - length > this.at) {
        // The same run of zeros, of which the start is known already.
        this.#hole(from - length - this.at);
      }
      if (length > 0) chunk++;
      from += Math.abs(length);
    }
    if (from !== this.at) return false;
    for (; row < rows.length; row++) {
      const length = rows[row]!;
      if (length < 0) this.#hole(-length);
      else this.#chunk(digests, chunk++, length);
    }
    return true;
  }

  table(): ChunkTable {
    return this.#builder.table();
  }

  #hole(length: number): void {
    this.#builder.hole(length);
    this.at += length;
    this.#inHole = true;
  }

  #chunk(digests: Uint8Array, at: number, length: number): void {
    this.#builder.chunk(digests, at, length);
    this.at += length;
    this.#inHole = false;
  }
}
