import { inParallel } from "../base/in_parallel.ts";
import { type ChunkTable, holeRow } from "./chunk_table.ts";
import type { JobPool } from "./job_pool.ts";
import { digestsOf } from "./places.ts";

const partBytes = 16 * 1024 * 1024;

/** Options of {@linkcode checkRows}. */
export interface CheckRowsOptions {
  /** Hashes the chunks. */
  pool: JobPool;
  /** The size of the file; rows beyond it do not stand. */
  sizeBytes: number;
  /** A table that is certain to say where the file has holes; these are not read. */
  holes?: ChunkTable | undefined;
  /** The rows to look at, 1 for each; the others are said not to stand. Those that become 0 meanwhile are left out from then on. @default {all} */
  only?: Uint8Array | undefined;
  /** Where the answer is written as it comes. @default {a new array} */
  standing?: Uint8Array;
  /** Told of each batch checked, in bytes, with the bytes of chunks in it that stand. */
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
  const { pool, onCheck, only } = options;
  const signal = options.signal ?? new AbortController().signal;
  const { standing = new Uint8Array(table.rows.length) } = options;
  // Holes stand until a part of one is found not to.
  table.rows.forEach((chunk, row) => {
    if (chunk === holeRow && only?.[row] !== 0) standing[row] = 1;
  });
  await inParallel(partsOf(table, options), pool.width, signal, async (part) => {
    const bytes = part.lengths.reduce((sum, length) => sum + length, 0);
    const onStanding = (right: number) => onCheck?.(bytes, right);
    if (part.hole) await checkHoles(path, part, { pool, standing, onStanding });
    else await checkChunks(path, table, part, { pool, only, standing, onStanding });
  });
  return standing;
}

/** Places that are read together: rows of data, or parts of holes. */
interface Part {
  readonly hole: boolean;
  readonly rows: number[];
  readonly offsets: number[];
  readonly lengths: number[];
}

/** What is to be read of a file, in parts of some MiB, a long hole in several of them, so that no core waits for another. */
function* partsOf(
  { rows, rowOffsets }: ChunkTable,
  { sizeBytes, holes: known, only }: CheckRowsOptions,
): Generator<Part> {
  let knownRow = 0;
  const start = (hole: boolean) => ({ hole, rows: [], offsets: [], lengths: [], bytes: 0 });
  const open: (Part & { bytes: number })[] = [start(false), start(true)];
  for (let row = 0; row < rows.length; row++) {
    if (only?.[row] === 0) continue;
    const isHole = rows[row] === holeRow;
    const rowEnd = rowOffsets[row + 1]!;
    if (!isHole && rowEnd > sizeBytes) continue;
    const end = Math.min(rowEnd, sizeBytes);
    if (isHole && known !== undefined) {
      while (known.rowOffsets[knownRow + 1]! < end) knownRow++;
      if (known.rows[knownRow] === holeRow && known.rowOffsets[knownRow]! <= rowOffsets[row]!) {
        continue;
      }
    }
    for (let offset = rowOffsets[row]!; offset < end;) {
      const part = open[isHole ? 1 : 0]!;
      const length = isHole ? Math.min(partBytes - part.bytes, end - offset) : end - offset;
      part.rows.push(row);
      part.offsets.push(offset);
      part.lengths.push(length);
      part.bytes += length;
      offset += length;
      if (part.bytes < partBytes) continue;
      yield part;
      open[isHole ? 1 : 0] = start(isHole);
    }
  }
  yield* open.filter((part) => part.bytes > 0);
}

interface Checking {
  readonly pool: JobPool;
  readonly standing: Uint8Array;
  /** Told, before anybody else can look at `standing`, of the bytes of chunks that stand there now. */
  readonly onStanding: (bytes: number) => void;
}

/** Checks rows of data, of which only those count that are still wanted. */
async function checkChunks(
  path: string,
  table: ChunkTable,
  part: Part,
  of: Checking & { only: Uint8Array | undefined },
): Promise<void> {
  const { only, standing } = of;
  const { right } = await of.pool.run({
    type: "check",
    path,
    offsets: Float64Array.from(part.offsets),
    lengths: Uint32Array.from(part.lengths),
    digests: digestsOf(table, part.rows.map((row) => table.rows[row]!)),
  });
  let bytes = 0;
  part.rows.forEach((row, at) => {
    if (right[at] === 0 || only?.[row] === 0) return;
    standing[row] = 1;
    bytes += part.lengths[at]!;
  });
  of.onStanding(bytes);
}

/** Checks parts of holes. */
async function checkHoles(
  path: string,
  part: Part,
  { pool, standing, onStanding }: Checking,
): Promise<void> {
  const { zero } = await pool.run({
    type: "zero",
    path,
    offsets: Float64Array.from(part.offsets),
    lengths: Float64Array.from(part.lengths),
  });
  part.rows.forEach((row, at) => {
    if (zero[at] === 0) standing[row] = 0;
  });
  onStanding(0);
}
