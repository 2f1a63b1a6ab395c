import { type ChunkTable, holeRow } from "./chunk_table.ts";
import { sameDigestAt } from "./digest_column.ts";
import type { JobPool } from "./job_pool.ts";

const batchBytes = 16 * 1024 * 1024;

/** Options of {@linkcode checkRows}. */
export interface CheckRowsOptions {
  /** Hashes the chunks. */
  pool: JobPool;
  /** The size of the file; rows beyond it do not stand. */
  sizeBytes: number;
  /** Told of each batch checked, in bytes, with the bytes of it that stand. */
  onCheck?: (bytes: number, standing: number) => void;
  /** Ends the work. */
  signal?: AbortSignal;
}

/**
 * Which rows of a table a file holds at their places already: 1 for each row whose chunk was hashed there and is right, and for each
 * hole that is zero, also where the file ends within it.
 */
export async function checkRows(
  path: string,
  table: ChunkTable,
  options: CheckRowsOptions,
): Promise<Uint8Array> {
  const { pool, sizeBytes, onCheck, signal } = options;
  const { rows, rowOffsets } = table;
  const standing = new Uint8Array(rows.length);
  const running = new Set<Promise<void>>();
  const start = async (batch: number[]) => {
    if (batch.length === 0) return;
    signal?.throwIfAborted();
    const work = checkBatch(path, table, batch, pool, standing).then(() => {
      let [bytes, right] = [0, 0];
      for (const row of batch) {
        const length = rowOffsets[row + 1]! - rowOffsets[row]!;
        bytes += length;
        if (standing[row] === 1) right += length;
      }
      onCheck?.(bytes, right);
    });
    running.add(work);
    work.then(() => running.delete(work), () => {});
    if (running.size >= pool.width) await Promise.race(running);
  };
  try {
    let batch: number[] = [];
    let bytes = 0;
    for (let row = 0; row < rows.length; row++) {
      const [from, to] = [rowOffsets[row]!, rowOffsets[row + 1]!];
      if (rows[row] === holeRow ? from >= sizeBytes : to > sizeBytes) {
        if (rows[row] === holeRow) standing[row] = 1;
        continue;
      }
      batch.push(row);
      bytes += to - from;
      if (bytes >= batchBytes) {
        await start(batch);
        [batch, bytes] = [[], 0];
      }
    }
    await start(batch);
    await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
  }
  return standing;
}

async function checkBatch(
  path: string,
  table: ChunkTable,
  batch: number[],
  pool: JobPool,
  standing: Uint8Array,
): Promise<void> {
  const { rows, rowOffsets, lengths, digests } = table;
  const chunks = batch.filter((row) => rows[row] !== holeRow);
  const holes = batch.filter((row) => rows[row] === holeRow);
  if (chunks.length > 0) {
    const found = await pool.run({
      type: "hash",
      path,
      offsets: Float64Array.from(chunks, (row) => rowOffsets[row]!),
      lengths: Uint32Array.from(chunks, (row) => lengths[rows[row]!]!),
    });
    chunks.forEach((row, at) => {
      if (sameDigestAt(found.digests, at, digests, rows[row]!)) standing[row] = 1;
    });
  }
  if (holes.length > 0) {
    const found = await pool.run({
      type: "zero",
      path,
      offsets: Float64Array.from(holes, (row) => rowOffsets[row]!),
      lengths: Float64Array.from(holes, (row) => rowOffsets[row + 1]! - rowOffsets[row]!),
      write: false,
    });
    holes.forEach((row, at) => standing[row] = found.zero[at]!);
  }
}
