/**
 * Writes chunks to their places, from files and from packs.
 *
 * Invariants: no byte is written that was not hashed and found right; what is wrong is told and never written; memory stays the same at
 * any size, since only so many ranges are under way at a time.
 *
 * @module
 */
import { VerificationError } from "../base/errors.ts";
import { inParallel } from "../base/in_parallel.ts";
import type { DiskIndex } from "./chunk_table.ts";
import { digestAt } from "./digest_column.ts";
import type { WrittenFile } from "./job.ts";
import type { JobPool } from "./job_pool.ts";
import type { Located, SourceFile } from "./locate_chunks.ts";
import { chunksWhere, digestsOf, type Places, placesOf } from "./places.ts";
import type { PackRange } from "./plan_ranges.ts";
import { sortBy } from "./sort_by.ts";

const batchBytes = 8 * 1024 * 1024;

/** No more bytes of ranges are in memory at a time, unless a single range has more. */
const mostBytes = 48 * 1024 * 1024;

/** What chunks are written to. */
export interface WriteTarget {
  /** What the file is to be made of. */
  readonly index: DiskIndex;
  /** The file. */
  readonly to: WrittenFile;
  /** Where each chunk belongs. */
  readonly places: Places;
  /** Does the work. */
  readonly pool: JobPool;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Copies located chunks.
 *
 * @param onWritten told of each batch, in bytes of the file
 * @returns the chunks that were other bytes when they were read
 */
export async function copyChunks(
  target: WriteTarget,
  located: Located,
  sources: readonly SourceFile[],
  onWritten: (bytes: number) => void,
): Promise<number[]> {
  const { index, to, pool, signal } = target;
  const changed: number[] = [];
  const batches = batchesOf(target, located, sources.length);
  await inParallel(batches, pool.width, signal, async ({ source, chunks }) => {
    const { written } = await pool.run({
      type: "copy",
      from: sources[source]!.path,
      to,
      fromOffsets: Float64Array.from(chunks, (chunk) => located.offset[chunk]!),
      lengths: Uint32Array.from(chunks, (chunk) => index.lengths[chunk]!),
      digests: digestsOf(index, chunks),
      ...placesOf(index, target.places, chunks),
    });
    let bytes = 0;
    chunks.forEach((chunk, at) => {
      if (written[at] === 1) bytes += fileBytes(target, chunk);
      else changed.push(chunk);
    });
    onWritten(bytes);
  });
  return changed.sort((a, b) => a - b);
}

/** Chunks of one source in the order in which they lie there, some MiB at a time. */
function* batchesOf(
  { index }: WriteTarget,
  located: Located,
  sourceCount: number,
): Generator<{ source: number; chunks: Uint32Array<ArrayBuffer> }> {
  const counts = new Uint32Array(sourceCount + 1);
  for (const source of located.source) counts[source]!++;
  for (let source = 0; source < sourceCount; source++) {
    if (counts[source + 1] === 0) continue;
    const chunks = chunksWhere(located.source.length, (chunk) => {
      return located.source[chunk] === source + 1;
    });
    sortBy(chunks, located.offset);
    let [from, bytes] = [0, 0];
    for (let at = 0; at < chunks.length; at++) {
      bytes += index.lengths[chunks[at]!]!;
      if (bytes < batchBytes && at < chunks.length - 1) continue;
      yield { source, chunks: chunks.slice(from, at + 1) };
      [from, bytes] = [at + 1, 0];
    }
  }
}

/** How a closed part of a pack is to be read. */
export interface ReadRangeOptions {
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** Whether the bytes given before were wrong. */
  readonly again: boolean;
  /** A buffer that may be used for the bytes, where it is large enough. */
  readonly buffer: ArrayBuffer | undefined;
}

/** So many bytes at the start of a buffer, or of a new one where that is too small. */
export function bufferFor(size: number, buffer: ArrayBuffer | undefined): Uint8Array<ArrayBuffer> {
  return buffer !== undefined && buffer.byteLength >= size
    ? new Uint8Array(buffer, 0, size)
    : new Uint8Array(size);
}

/** Reads a closed part of a pack. */
export type ReadRange = (
  range: PackRange,
  options: ReadRangeOptions,
) => Promise<Uint8Array<ArrayBuffer>>;

/** Options of {@linkcode fetchChunks}. */
export interface FetchChunksOptions {
  /** Reads a part of a pack. */
  read: ReadRange;
  /** How many ranges are under way at a time. @default {8} */
  concurrency?: number;
  /** Told of each range that was written, in bytes of the file. */
  onWritten?: (bytes: number, range: PackRange) => void;
}

/**
 * Reads ranges of packs, and unpacks, verifies and writes their chunks.
 *
 * @throws {VerificationError} if a chunk is wrong, also when its range was read once more
 */
export async function fetchChunks(
  target: WriteTarget,
  ranges: readonly PackRange[],
  options: FetchChunksOptions,
): Promise<void> {
  const { index, signal } = target;
  const spare: ArrayBuffer[] = [];
  const longest = ranges.reduce((most, { start, end }) => Math.max(most, end - start), 1);
  const atOnce = Math.max(1, Math.min(options.concurrency ?? 8, Math.floor(mostBytes / longest)));
  await inParallel(ranges, atOnce, signal, async (range, ended) => {
    const fetch = (again: boolean) =>
      fetchRange(target, range, spare, (buffer) => {
        return options.read(range, { signal: ended, again, buffer });
      });
    let wrong = await fetch(false);
    if (wrong !== undefined) wrong = await fetch(true);
    if (wrong !== undefined) throw refusedPack(index, range, wrong);
    let bytes = 0;
    for (const chunk of range.chunks) bytes += fileBytes(target, chunk);
    options.onWritten?.(bytes, range);
  });
}

/** What is said of a pack of which chunks are wrong, also when they were read once more. */
function refusedPack(
  index: DiskIndex,
  range: PackRange,
  { chunks, tooWide }: WrongChunks,
): VerificationError {
  const pack = digestAt(index.packDigests, range.pack);
  const at = (chunk: number) => `chunk ${chunk} at byte ${index.offsets[chunk]!}`;
  const [state, hint] = tooWide === undefined
    ? [
      `${at(chunks[0]!)} is not ${digestAt(index.digests, chunks[0]!)}`,
      "remove this blob from where the disk is stored, and push the disk again with --repack",
    ]
    : [
      `the frame of ${at(tooWide)} has a window of more than 128 MiB`,
      "push the disk again with a smaller window, or with kedge",
    ];
  return new VerificationError(`Cannot use the pack "${pack}": ${state}`, {
    side: "source",
    hint,
    data: { pack, chunks: chunks.slice(0, 100) },
  });
}

/** How many bytes of the file a chunk fills. */
function fileBytes({ index, places }: WriteTarget, chunk: number): number {
  return index.lengths[chunk]! * (places.toStarts[chunk + 1]! - places.toStarts[chunk]!);
}

/** A spare buffer for so many bytes; where none is large enough, one is given back at once, as the collector would much later. */
function spareFor(size: number, spare: ArrayBuffer[]): ArrayBuffer | undefined {
  const at = spare.findIndex(({ byteLength }) => byteLength >= size);
  if (at >= 0) return spare.splice(at, 1)[0];
  spare.pop()?.transfer(0);
  return undefined;
}

/** Chunks of a range that are not what the index says. */
interface WrongChunks {
  readonly chunks: number[];
  /** The first of them whose frame has too large a window. */
  readonly tooWide: number | undefined;
}

/** Fetches, unpacks and writes a range; gives what of it was wrong. */
async function fetchRange(
  { index, to, places, pool }: WriteTarget,
  range: PackRange,
  spare: ArrayBuffer[],
  read: (buffer: ArrayBuffer | undefined) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<WrongChunks | undefined> {
  const data = await read(spareFor(range.end - range.start, spare));
  const { chunks } = range;
  const { written, buffer, tooWide } = await pool.run({
    type: "unpack",
    data,
    to,
    dataOffsets: chunks.map((chunk) => index.offsets[chunk]! - range.start),
    stored: chunks.map((chunk) => index.stored[chunk]!),
    lengths: chunks.map((chunk) => index.lengths[chunk]!),
    digests: digestsOf(index, chunks),
    ...placesOf(index, places, chunks),
  }, [data.buffer]);
  spare.push(buffer);
  const wrong = Array.from(chunks).filter((_, at) => written[at] !== 1);
  return wrong.length === 0 ? undefined : { chunks: wrong, tooWide: chunks[tooWide] };
}
