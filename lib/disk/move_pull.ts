/**
 * Brings the chunks of a planned pull to their places.
 *
 * @module
 */
import { SteadySync } from "../base/steady_sync.ts";
import { together } from "../base/together.ts";
import type { Cache } from "../cache/cache.ts";
import { dataBytes, holeRow } from "../chunk/chunk_table.ts";
import type { WrittenFile } from "../chunk/job.ts";
import type { JobPool } from "../chunk/job_pool.ts";
import { allPlaces, placedChunks } from "../chunk/places.ts";
import { type PackRange, planRanges } from "../chunk/plan_ranges.ts";
import { copyChunks, fetchChunks, type WriteTarget } from "../chunk/write_chunks.ts";
import type { Step } from "../operation/operation.ts";
import type { DiskSource } from "./disk_store.ts";
import { type FileIdentity, openWritten } from "./out_file.ts";
import { PackReader } from "./pack_reader.ts";
import type { DiskPullPlan } from "./plan_pull.ts";
import { proveStanding } from "./prove_standing.ts";
import { saveMoved } from "./save_moved.ts";
import { tellMoving } from "./tell_moving.ts";

/** What {@linkcode movePull} works with. */
export interface MovePullOptions {
  /** Where the packs are. */
  store: DiskSource;
  /** Holds packs, and takes whole ones where there are no ranges. */
  cache: Cache;
  /** Does the work. */
  pool: JobPool;
  /** How many ranges are under way at a time. */
  concurrency: number;
  /** The file that is written, which is open. */
  written: FileIdentity;
}

/** Writes all rows that do not stand yet; every chunk is hashed before it is written. */
export async function movePull(
  plan: DiskPullPlan,
  options: MovePullOptions,
  step: Step,
): Promise<void> {
  const { index } = plan.image;
  const { pool, written } = options;
  const to = { path: plan.out, dev: written.dev, ino: written.ino };
  const target: WriteTarget = {
    index,
    to,
    places: plan.places,
    pool,
    signal: step.signal,
  };
  const { located, sources } = plan.inPlace ? await saveMoved(plan, pool, step) : plan;
  await makeRoom(plan, written);
  await blankHoles(plan, plan.standing, { to, pool });
  const toProve = plan.known === undefined ? 0 : bytesToProve(plan);
  using local = step.meter.object("chunks on this machine", plan.bytesToReuse);
  using remote = step.meter.object(`packs of ${options.store.name}`, bytesOf(plan.ranges));
  const moving = tellMoving(step.meter, {
    pieces: options.store.requestsPerRead > 0 ? "requests" : "parts",
    wire: "fetched",
    wireBytes: bytesOf(plan.ranges.filter((range) => !plan.cachedPacks.has(range.pack))),
    file: "written",
    fileBytes: bytesToWrite(plan),
    proofBytes: toProve,
  });
  const reused = (bytes: number) => {
    local.reused(bytes);
    moving.reused(bytes);
  };
  if (plan.known === undefined) reused(dataBytes(index) - bytesToWrite(plan));

  await using steady = new SteadySync(plan.out);
  const reader = new PackReader(plan, { ...options, remote, moving }, step);
  const fetch = (ranges: readonly PackRange[], of: Partial<WriteTarget> = {}) =>
    fetchChunks({ ...target, ...of }, ranges, {
      concurrency: options.concurrency,
      read: (range, options) => reader.read(range, options),
      onWritten: (bytes, range) => {
        moving.file(bytes);
        steady.wrote(bytes);
        if (reader.cameFromCache(range)) reused(bytes);
      },
    });
  const copy = (signal: AbortSignal) =>
    copyChunks({ ...target, signal }, located, sources, (bytes) => {
      reused(bytes);
      moving.file(bytes);
      steady.wrote(bytes);
    });
  const write = async (signal: AbortSignal) => {
    const works = [copy, (signal: AbortSignal) => fetch(plan.ranges, { signal })] as const;
    const [changed] = await together<[number[], void]>([...works], signal);
    await steady.flush();
    return changed;
  };
  const prove = async (signal: AbortSignal) => {
    if (plan.known === undefined) return plan.standing.map(() => 1);
    const rows = await proveStanding(plan, pool, { ...step, signal }, (bytes, standing) => {
      moving.proof(bytes);
      reused(standing);
    });
    moving.proof(toProve); // Holes that are certain were not read.
    return rows;
  };
  const [changed, sound] = await together<[number[], Uint8Array]>([write, prove], step.signal);
  if (changed.length > 0) {
    step.meter.note(
      `${changed.length} chunks of files on this machine changed meanwhile; they are fetched`,
      "warning",
    );
    await fetch(planRanges(index, Uint32Array.from(changed)));
  }
  if (sound.includes(0)) {
    await blankHoles(plan, sound, { to, pool });
    const places = allPlaces(index, sound);
    await fetch(planRanges(index, placedChunks(places)), { places });
  }
  await steady.flush();
  moving.end();
}

/** Gives the file its length. */
async function makeRoom(plan: DiskPullPlan, written: FileIdentity): Promise<void> {
  using file = await openWritten(plan.out, written);
  await file.truncate(plan.image.index.size);
}

/** Writes zeros where holes belong that do not stand. */
async function blankHoles(
  plan: DiskPullPlan,
  standing: Uint8Array,
  { to, pool }: { to: WrittenFile; pool: JobPool },
): Promise<void> {
  const { index } = plan.image;
  const holes: number[] = [];
  index.rows.forEach((row, at) => {
    if (row === holeRow && standing[at] === 0) holes.push(at);
  });
  if (holes.length === 0) return;
  await pool.run({
    type: "zero",
    path: to.path,
    to,
    offsets: Float64Array.from(holes, (row) => index.rowOffsets[row]!),
    lengths: Float64Array.from(holes, (row) => index.rowOffsets[row + 1]! - index.rowOffsets[row]!),
  });
}

function bytesToProve({ image: { index }, standing }: DiskPullPlan): number {
  return standing.reduce(
    (sum, stands, row) =>
      stands === 0 ? sum : sum + index.rowOffsets[row + 1]! - index.rowOffsets[row]!,
    0,
  );
}

function bytesOf(ranges: readonly PackRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** How many bytes of the file a plan writes; where other lengths of its chunks are given, how many those are together. */
export function bytesToWrite(
  { image, places }: Pick<DiskPullPlan, "image" | "places">,
  lengths: Uint32Array = image.index.lengths,
): number {
  let bytes = 0;
  lengths.forEach((length, chunk) => {
    bytes += length * (places.toStarts[chunk + 1]! - places.toStarts[chunk]!);
  });
  return bytes;
}
