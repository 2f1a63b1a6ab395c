/**
 * Brings the chunks of a planned pull to their places.
 *
 * @module
 */
import type { ObjectMeter } from "../lib/base/meter.ts";
import { VerificationError } from "../lib/base/errors.ts";
import { removeIfThere } from "../lib/base/atomic_file.ts";
import type { Cache } from "../lib/cache/cache.ts";
import { chunkLimits } from "../lib/chunk/chunker.ts";
import { dataBytes, holeRow } from "../lib/chunk/chunk_table.ts";
import type { JobPool } from "../lib/chunk/job_pool.ts";
import type { LocalSource, Located } from "../lib/chunk/locate_chunks.ts";
import { digestsOf } from "../lib/chunk/places.ts";
import { type PackRange, planRanges } from "../lib/chunk/plan_ranges.ts";
import { TableBuilder } from "../lib/chunk/table_builder.ts";
import {
  bufferFor,
  copyChunks,
  fetchChunks,
  type ReadRangeOptions,
  type WriteTarget,
} from "../lib/chunk/write_chunks.ts";
import { RangeRefusedError } from "../lib/oci/range_refused_error.ts";
import type { Step } from "../lib/operation/operation.ts";
import { type Moving, tellMoving } from "./disk_moving.ts";
import type { DiskPullPlan } from "./disk_pull_plan.ts";
import { readJournal, writeJournal } from "./disk_sources.ts";
import type { DiskStore } from "./disk_store.ts";

/** What {@linkcode movePull} works with. */
export interface MovePullOptions {
  /** Where the packs are. */
  store: DiskStore;
  /** Holds packs, and takes whole ones where there are no ranges. */
  cache: Cache;
  /** Does the work. */
  pool: JobPool;
  /** How many ranges are under way at a time. */
  concurrency: number;
}

/** Writes all rows that do not stand yet; every chunk is hashed before it is written. */
export async function movePull(
  plan: DiskPullPlan,
  options: MovePullOptions,
  step: Step,
): Promise<void> {
  const { index } = plan.image;
  const target: WriteTarget = {
    index,
    path: plan.out,
    places: plan.places,
    pool: options.pool,
    signal: step.signal,
  };
  const { located, sources } = plan.inPlace ? await saveMoved(plan, options.pool) : plan;
  await makeRoom(plan, options.pool);
  using local = step.meter.object("chunks on this machine", plan.bytesToReuse);
  using remote = step.meter.object(`packs of ${options.store.name}`, bytesOf(plan.ranges));
  const moving = tellMoving(step.meter, {
    wire: "fetched",
    wireBytes: bytesOf(plan.ranges.filter((range) => !plan.cachedPacks.has(range.pack))),
    file: "written",
    fileBytes: bytesToWrite(plan),
  });
  const standing = dataBytes(index) - bytesToWrite(plan);
  local.reused(standing);
  moving.reused(standing);

  const reader = new PackReader(plan, options, { remote, moving }, step);
  const fetch = (ranges: readonly PackRange[]) =>
    fetchChunks(target, ranges, {
      concurrency: options.concurrency,
      read: (range, options) => reader.read(range, options),
      onWritten: (bytes, range) => {
        moving.file(bytes);
        if (!plan.cachedPacks.has(range.pack)) return;
        local.reused(bytes);
        moving.reused(bytes);
      },
    });
  const [changed] = await Promise.all([
    copyChunks(target, located, sources, (bytes) => {
      local.reused(bytes);
      moving.reused(bytes);
      moving.file(bytes);
    }),
    fetch(plan.ranges),
  ]);
  if (changed.length > 0) {
    step.meter.note(
      `${changed.length} chunks of files on this machine changed meanwhile; they are fetched`,
      "warning",
    );
    await fetch(planRanges(index, Uint32Array.from(changed)));
  }
  moving.end();
}

/**
 * Copies aside what a pull in place needs from places that it may overwrite, and writes down where it is. Only then may the
 * file be changed: whenever the pull is cut off, the next one finds these chunks again.
 */
async function saveMoved(
  plan: DiskPullPlan,
  pool: JobPool,
): Promise<{ located: Located; sources: readonly LocalSource[] }> {
  const { located, file, out } = plan;
  const { index } = plan.image;
  const moved: number[] = [];
  located.source.forEach((number, chunk) => {
    const own = number > 1 && plan.sources[number - 1]!.path === out;
    const saved = number > 1 && plan.sources[number - 1]!.path === file.saved;
    if (own || saved) moved.push(chunk);
  });
  const journal = await readJournal(file);
  if (moved.length === 0 && journal === undefined) {
    await writeJournal(file, { manifest: plan.image.manifest.digest, table: emptyTable() });
    return plan;
  }
  const builder = new TableBuilder(savedChunker);
  const fresh = `${file.saved}.next`;
  (await Deno.open(fresh, { write: true, create: true, truncate: true })).close();
  let offset = 0;
  const next: Located = { source: located.source.slice(), offset: located.offset.slice() };
  const sources = [...plan.sources, { path: file.saved, table: emptyTable() }];
  const offsets = new Float64Array(index.lengths.length);
  for (const chunk of moved) {
    builder.chunk(index.digests, chunk, index.lengths[chunk]!);
    offsets[chunk] = offset;
    offset += index.lengths[chunk]!;
  }
  for (const from of new Set(moved.map((chunk) => located.source[chunk]! - 1))) {
    const chunks = moved.filter((chunk) => located.source[chunk] === from + 1);
    for (let at = 0; at < chunks.length; at += 256) {
      const batch = chunks.slice(at, at + 256);
      await pool.run({
        type: "copy",
        from: plan.sources[from]!.path,
        to: fresh,
        fromOffsets: Float64Array.from(batch, (chunk) => located.offset[chunk]!),
        lengths: Uint32Array.from(batch, (chunk) => index.lengths[chunk]!),
        digests: digestsOf(index, batch),
        toStarts: Uint32Array.from({ length: batch.length + 1 }, (_, i) => i),
        toOffsets: Float64Array.from(batch, (chunk) => offsets[chunk]!),
      });
    }
  }
  await syncFile(fresh);
  await Deno.rename(fresh, file.saved);
  await writeJournal(file, {
    manifest: plan.image.manifest.digest,
    table: moved.length === 0 ? emptyTable() : builder.table(),
  });
  for (const chunk of moved) {
    next.source[chunk] = sources.length;
    next.offset[chunk] = offsets[chunk]!;
  }
  return { located: next, sources };
}

const savedChunker = {
  kind: "cdc",
  minBytes: chunkLimits.min,
  avgBytes: chunkLimits.min,
  maxBytes: chunkLimits.max,
} as const;

function emptyTable() {
  const builder = new TableBuilder(savedChunker);
  builder.hole(1);
  return builder.table();
}

/** Gives the file its length, and zeros where holes belong and something else stands. */
async function makeRoom(plan: DiskPullPlan, pool: JobPool): Promise<void> {
  const { index } = plan.image;
  {
    using file = await Deno.open(plan.out, { read: true, write: true, create: true });
    await file.truncate(index.size);
  }
  const holes: number[] = [];
  index.rows.forEach((row, at) => {
    if (row === holeRow && plan.standing[at] === 0) holes.push(at);
  });
  if (holes.length === 0) return;
  await pool.run({
    type: "zero",
    path: plan.out,
    write: true,
    offsets: Float64Array.from(holes, (row) => index.rowOffsets[row]!),
    lengths: Float64Array.from(holes, (row) => index.rowOffsets[row + 1]! - index.rowOffsets[row]!),
  });
}

/** Reads parts of packs out of the cache or the registry. */
class PackReader {
  #plan: DiskPullPlan;
  #options: MovePullOptions;
  #progress: { remote: ObjectMeter; moving: Moving };
  #step: Step;
  #whole = new Map<number, Promise<string>>();
  #ranges = true;

  constructor(
    plan: DiskPullPlan,
    options: MovePullOptions,
    progress: { remote: ObjectMeter; moving: Moving },
    step: Step,
  ) {
    this.#plan = plan;
    this.#options = options;
    this.#progress = progress;
    this.#step = step;
  }

  async read(range: PackRange, options: ReadRangeOptions): Promise<Uint8Array<ArrayBuffer>> {
    const { pack, start, end } = range;
    const { again, buffer } = options;
    const blob = this.#plan.image.packs[pack]!;
    const cached = this.#plan.cachedPacks.get(pack);
    if (cached !== undefined && !again) return await partOf(cached, start, end, buffer);
    if (again && cached !== undefined) await removeIfThere(cached);
    if (this.#ranges) {
      try {
        const bytes = await this.#options.store.range(blob, start, end, options);
        this.#progress.remote.moved(bytes.length);
        this.#progress.moving.wire(bytes.length);
        return bytes;
      } catch (error) {
        if (!(error instanceof RangeRefusedError)) throw error;
        if (this.#ranges) {
          this.#step.meter.note(
            `${this.#options.store.name} gives no ranges; whole packs are fetched`,
            "warning",
          );
        }
        this.#ranges = false;
      }
    }
    let whole = this.#whole.get(pack);
    if (whole === undefined) this.#whole.set(pack, whole = this.#fetchWhole(pack));
    return await partOf(await whole, start, end, buffer);
  }

  async #fetchWhole(pack: number): Promise<string> {
    const { store, cache } = this.#options;
    const blob = this.#plan.image.packs[pack]!;
    const found = await cache.blobs.find(blob.digest, blob.size);
    if (found !== undefined) return found.path;
    const stream = ReadableStream.from(copied(store.stream(blob, this.#step.signal)));
    const { path } = await cache.blobs.persist(stream, {
      digest: blob.digest,
      size: blob.size,
      signal: this.#step.signal,
      onBytes: (bytes) => this.#progress.remote.moved(bytes),
    });
    this.#progress.moving.wire(blob.size);
    return path;
  }
}

async function* copied(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield piece.slice();
}

async function partOf(
  path: string,
  start: number,
  end: number,
  buffer: ArrayBuffer | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(path);
  await file.seek(start, Deno.SeekMode.Start);
  const bytes = bufferFor(end - start, buffer);
  for (let at = 0; at < bytes.length;) {
    const count = await file.read(bytes.subarray(at));
    if (count === null) throw new VerificationError(`Cannot use the pack "${path}": it is cut off`);
    at += count;
  }
  return bytes;
}

/** Makes the data of a file durable. */
export async function syncFile(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true, write: true });
  await file.syncData();
}

function bytesOf(ranges: readonly PackRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** How many bytes of the file a plan writes. */
export function bytesToWrite({ image, places }: DiskPullPlan): number {
  let bytes = 0;
  image.index.lengths.forEach((length, chunk) => {
    bytes += length * (places.toStarts[chunk + 1]! - places.toStarts[chunk]!);
  });
  return bytes;
}
