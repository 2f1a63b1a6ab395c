import type { Chunker } from "./chunker.ts";
import type { ChunkTable } from "./chunk_table.ts";
import type { JobPool } from "./job_pool.ts";
import { Scanner } from "./scanner.ts";
import { TableBuilder } from "./table_builder.ts";

const windowBytes = 8 * 1024 * 1024;

/** Options of {@linkcode scanFile}. */
export interface ScanFileOptions {
  /** Hashes the chunks. */
  pool: JobPool;
  /** Told of each piece read, in bytes. */
  onRead?: (bytes: number) => void;
  /** Ends the reading. */
  signal?: AbortSignal;
}

/** One window's rows: lengths in file order, holes negative; `offsets` and `lengths` of the chunks alone. */
interface Window {
  rows: number[];
  hashed: Promise<{ digests: Uint8Array }>;
}

/**
 * Cuts a whole file and hashes its chunks. This thread cuts, the pool hashes; a few windows are under way at a time, so that memory stays
 * the same at any size.
 */
export async function scanFile(
  path: string,
  chunker: Chunker,
  options: ScanFileOptions,
): Promise<ChunkTable> {
  const { pool, onRead, signal } = options;
  const scanner = new Scanner(chunker);
  const builder = new TableBuilder(chunker);
  const buffer = new Uint8Array(windowBytes + scanner.carryBytes);
  const windows: Window[] = [];
  const take = async () => {
    const { rows, hashed } = windows.shift()!;
    const { digests } = await hashed;
    let at = 0;
    for (const length of rows) {
      if (length < 0) builder.hole(-length);
      else builder.chunk(digests, at++, length);
    }
  };

  using file = await Deno.open(path);
  let [filled, base] = [0, 0];
  try {
    for (let final = false; !final;) {
      signal?.throwIfAborted();
      const before = filled;
      while (filled < buffer.length && !final) {
        const count = await file.read(buffer.subarray(filled));
        if (count === null) final = true;
        else filled += count;
      }
      onRead?.(filled - before);
      const { rows, offsets, taken } = cutWindow(scanner, buffer.subarray(0, filled), final, base);
      const lengths = Uint32Array.from(rows.filter((length) => length > 0));
      const hashed = lengths.length === 0
        ? Promise.resolve({ digests: new Uint8Array(0) })
        : pool.run({ type: "hash", path, offsets: Float64Array.from(offsets), lengths });
      hashed.catch(() => {}); // It is awaited below; until then it must not count as unhandled.
      windows.push({ rows, hashed });
      buffer.copyWithin(0, taken, filled);
      filled -= taken;
      base += taken;
      while (windows.length > pool.width) await take();
    }
    while (windows.length > 0) await take();
  } finally {
    await Promise.allSettled(windows.map((window) => window.hashed));
  }
  return builder.table();
}

function cutWindow(
  scanner: Scanner,
  window: Uint8Array,
  final: boolean,
  base: number,
): { rows: number[]; offsets: number[]; taken: number } {
  const rows: number[] = [];
  const offsets: number[] = [];
  const taken = scanner.scan(window, final, {
    chunk: (start, end) => {
      rows.push(end - start);
      offsets.push(base + start);
    },
    hole: (length) => rows.push(-length),
  });
  return { rows, offsets, taken };
}
