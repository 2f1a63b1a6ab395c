/**
 * Brings the chunks of a planned pull to their places.
 *
 * @module
 */
import type { ObjectMeter } from "../base/meter.ts";
import { SteadySync } from "../base/steady_sync.ts";
import { together } from "../base/together.ts";
import type { Cache } from "../cache/cache.ts";
import { dataBytes, holeRow } from "../chunk/chunk_table.ts";
import type { WrittenFile } from "../chunk/job.ts";
import type { JobPool } from "../chunk/job_pool.ts";
import type { Located, SourceFile } from "../chunk/locate_chunks.ts";
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
import { type Moving, tellMoving } from "./tell_moving.ts";

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

const holesAtOnce = 65_536;

/** Writes all rows that do not stand yet; every chunk is hashed before it is written. */
export async function movePull(
  plan: DiskPullPlan,
  options: MovePullOptions,
  step: Step,
): Promise<void> {
  const { index } = plan.image;
  const { pool, written } = options;
  const to = { path: plan.out, dev: written.dev, ino: written.ino };
  const { located, sources } = plan.inPlace ? await saveMoved(plan, pool, step) : plan;
  await makeRoom(plan, written);
  await blankHoles(plan, plan.standing, { to, pool });
  await using rows = new PulledRows(plan, { ...options, to }, step);
  const [changed, sound] = await together<[number[], Uint8Array]>([
    (signal) => rows.write(located, sources, signal),
    (signal) => rows.prove(signal),
  ], step.signal);
  if (changed.length > 0) {
    step.meter.note(
      `${changed.length} chunks of files on this machine changed meanwhile; they are fetched`,
      "warning",
    );
    await rows.fetch(planRanges(index, Uint32Array.from(changed)));
  }
  if (sound.includes(0)) {
    await blankHoles(plan, sound, { to, pool });
    const places = allPlaces(index, sound);
    await rows.fetch(planRanges(index, placedChunks(places)), { places });
  }
  await rows.end();
}

/** The rows of a file, as they are written and proved; tells how far that is, and has the disk keep up with it. */
class PulledRows implements AsyncDisposable {
  readonly #plan: DiskPullPlan;
  readonly #step: Step;
  readonly #concurrency: number;
  readonly #target: WriteTarget;
  readonly #proofBytes: number;
  readonly #opened = new AsyncDisposableStack();
  readonly #local: ObjectMeter;
  readonly #moving: Moving;
  readonly #steady: SteadySync;
  readonly #reader: PackReader;

  constructor(plan: DiskPullPlan, options: MovePullOptions & { to: WrittenFile }, step: Step) {
    const { image: { index }, places } = plan;
    const { pool, store, to } = options;
    this.#plan = plan;
    this.#step = step;
    this.#concurrency = options.concurrency;
    this.#target = { index, to, places, pool, signal: step.signal };
    this.#proofBytes = plan.known === undefined ? 0 : bytesToProve(plan);
    const bytes = bytesOf(plan.ranges);
    this.#local = this.#opened.use(step.meter.object("chunks on this machine", plan.bytesToReuse));
    const remote = this.#opened.use(step.meter.object(`packs of ${store.name}`, bytes));
    this.#moving = tellMoving(step.meter, {
      pieces: store.requestsPerRead > 0 ? "requests" : "parts",
      wire: "fetched",
      wireBytes: bytesOf(plan.ranges.filter((range) => !plan.cachedPacks.has(range.pack))),
      file: "written",
      fileBytes: bytesToWrite(plan),
      proofBytes: this.#proofBytes,
    });
    if (plan.known === undefined) this.#reused(dataBytes(index) - bytesToWrite(plan));
    this.#steady = this.#opened.use(new SteadySync(plan.out));
    this.#reader = new PackReader(plan, { ...options, remote, moving: this.#moving }, step);
  }

  /** Writes what does not stand; gives the chunks that changed on this machine since they were planned. */
  async write(
    located: Located,
    sources: readonly SourceFile[],
    signal: AbortSignal,
  ): Promise<number[]> {
    const [changed] = await together<[number[], void]>([
      (signal) =>
        copyChunks({ ...this.#target, signal }, located, sources, (bytes) => {
          this.#reused(bytes);
          this.#wrote(bytes);
        }),
      (signal) => this.fetch(this.#plan.ranges, { signal }),
    ], signal);
    await this.#steady.flush();
    return changed;
  }

  /** Fetches ranges of packs, and writes their chunks. */
  async fetch(ranges: readonly PackRange[], of: Partial<WriteTarget> = {}): Promise<void> {
    await fetchChunks({ ...this.#target, ...of }, ranges, {
      concurrency: this.#concurrency,
      read: (range, options) => this.#reader.read(range, options),
      onWritten: (bytes, range) => {
        this.#wrote(bytes);
        if (this.#reader.cameFromCache(range)) this.#reused(bytes);
      },
    });
  }

  /** Hashes what stands, where that was not done for the plan; gives the rows that are sound. */
  async prove(signal: AbortSignal): Promise<Uint8Array> {
    const plan = this.#plan;
    if (plan.known === undefined) return plan.standing.map(() => 1);
    const step = { ...this.#step, signal };
    const sound = await proveStanding(plan, this.#target.pool, step, (bytes, standing) => {
      this.#moving.proof(bytes);
      this.#reused(standing);
    });
    this.#moving.proof(this.#proofBytes); // Holes that are certain were not read.
    return sound;
  }

  /** Waits until the disk has all of it. */
  async end(): Promise<void> {
    await this.#steady.flush();
    this.#moving.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }

  #reused(bytes: number): void {
    this.#local.reused(bytes);
    this.#moving.reused(bytes);
  }

  #wrote(bytes: number): void {
    this.#moving.file(bytes);
    this.#steady.wrote(bytes);
  }
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
  const blank = async () => {
    const at = (row: number) => index.rowOffsets[row]!;
    const offsets = Float64Array.from(holes, at);
    const lengths = Float64Array.from(holes, (row) => at(row + 1) - at(row));
    holes.length = 0;
    await pool.run({ type: "zero", path: to.path, to, offsets, lengths });
  };
  for (let row = 0; row < standing.length; row++) {
    if (index.rows[row] !== holeRow || standing[row] === 1) continue;
    if (holes.push(row) === holesAtOnce) await blank();
  }
  if (holes.length > 0) await blank();
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
