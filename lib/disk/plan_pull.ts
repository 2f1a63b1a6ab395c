/**
 * Finds out, without writing anything, which chunks of a disk stand already, which lie elsewhere on this machine, and which ranges of
 * which packs must be fetched.
 *
 * @module
 */
import { formatBytes } from "../base/bytes.ts";
import { freeMemory } from "../base/free_memory.ts";
import { counted } from "../base/counted.ts";
import type { Cache } from "../cache/cache.ts";
import { dataBytes, holeRow } from "../chunk/chunk_table.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";
import type { JobPool } from "../chunk/job_pool.ts";
import type { Located, SourceFile } from "../chunk/locate_chunks.ts";
import { mostWorkers } from "../chunk/most_workers.ts";
import { allPlaces, chunksWhere, type Places } from "../chunk/places.ts";
import { type PackRange, planRanges } from "../chunk/plan_ranges.ts";
import type { Plan, PlannedObject } from "../operation/figures.ts";
import type { Step } from "../operation/operation.ts";
import { canTake } from "./can_take.ts";
import { type DiskFile, isHalfWritten, leftBeside, unfinishedFile } from "./disk_file.ts";
import type { DiskImage } from "./disk_image.ts";
import type { DiskSource } from "./disk_store.ts";
import { type KnownFile, knownOnce } from "./known_files.ts";
import { whileOurs } from "./out_file.ts";
import type { ProofAhead } from "./proof_ahead.ts";
import type { PulledFile } from "./pulled_file.ts";
import type { SourceSearch } from "./local_sources.ts";
import { searchChunks } from "./search_chunks.ts";
import { standingRows, standsWhole } from "./standing_rows.ts";

/** What a pull is about to do. */
export interface DiskPullPlan extends Plan, PulledFile {
  /** What is pulled. */
  readonly image: DiskImage;
  /** Whether the destination itself is written. */
  readonly inPlace: boolean;
  /** Rows that stand in `out` already. */
  readonly standing: Uint8Array;
  /** Whence that is known where `out` was not read for it: then what stands is hashed while the other rows are brought. */
  readonly known: KnownFile | undefined;
  /** That hashing, where it is under way already. */
  readonly ahead: ProofAhead | undefined;
  /** Where the chunks of the other rows belong. */
  readonly places: Places;
  /** Files that give chunks. */
  readonly sources: readonly SourceFile[];
  /** Which chunk they give. */
  readonly located: Located;
  /** What is read of packs. */
  readonly ranges: readonly PackRange[];
  /** For each pack the file of the cache that holds it, if one does. */
  readonly cachedPacks: ReadonlyMap<number, string>;
}

/** What {@linkcode planPull} works with. */
export interface PlanPullOptions {
  /** What is pulled. */
  image: DiskImage;
  /** Where it is. */
  store: DiskSource;
  /** Where it goes. */
  file: DiskFile;
  /** Whether the file itself is written. */
  inPlace: boolean;
  /** The real paths of files that may hold chunks. */
  bases: readonly string[];
  /** Knows files and packs. */
  cache: Cache;
  /** Hashes. */
  pool: JobPool;
  /** The proof of the file, where it is under way. */
  ahead: ProofAhead | undefined;
  /** Requests that follow the ranges. */
  requestsAfter: number;
}

/** Plans a pull. */
export async function planPull(options: PlanPullOptions, step: Step): Promise<DiskPullPlan> {
  const { image, file, cache, pool, ahead } = options;
  const { index } = image;
  pool.narrow(mostWorkers(index.chunker));
  const search: SourceSearch = {
    chunker: index.chunker,
    cache,
    known: knownOnce(cache, ahead?.known),
    pool,
    meter: step.meter,
    signal: step.signal,
  };
  const { out, seen, inPlace, standing, known } = await seeFile(options, search);
  const places = allPlaces(index, standing);
  const wanted = wantedChunks(places);
  const sources: SourceFile[] = [];
  const located = await searchChunks(options, search, { out, standing, wanted, sources });
  const missing = chunksWhere(wanted.length, (chunk) => {
    return wanted[chunk] === 1 && located.source[chunk] === 0;
  });
  freeMemory(wanted);
  const ranges = planRanges(index, missing);
  const cachedPacks = await findPacks(options, ranges, step.signal);
  const stands = inPlace && !standing.includes(0) && seen?.size === index.size;
  const { partials, journals } = await leftBeside(file);
  const changed = !stands || isHalfWritten(file) || partials.length + journals.length > 0;
  return {
    image,
    file,
    out,
    inPlace,
    stands,
    seen,
    standing,
    known,
    ahead: known === undefined || ahead?.known !== known ? undefined : ahead,
    places,
    sources,
    located,
    ranges,
    cachedPacks,
    changed,
    ...summary(options, { ranges, cachedPacks, places, changed }),
  };
}

/** Looks at the file that is to be written, and which rows stand in it. */
async function seeFile(
  { image: { index, manifest }, file, inPlace, ahead }: PlanPullOptions,
  search: SourceSearch,
): Promise<Pick<DiskPullPlan, "out" | "seen" | "inPlace" | "standing" | "known">> {
  const { path, info } = file;
  const isWritten = inPlace && info !== undefined;
  const takes = !isWritten && canTake(file, search.meter) && info !== undefined;
  if (takes && await whileOurs(path, info, () => standsWhole(path, info, index, search))) {
    // What stands whole stays, also where an earlier pull has still to be cleared away.
    const standing = new Uint8Array(index.rows.length).fill(1);
    return { out: path, seen: info, inPlace: true, standing, known: undefined };
  }
  const out = isWritten ? path : file.partial(manifest.digest);
  const seen = isWritten ? info : unfinishedFile(out);
  if (seen === undefined) {
    // Without `from()`, which makes a list of all values first.
    const standing = new Uint8Array(index.rows.length);
    index.rows.forEach((chunk, row) => standing[row] = chunk === holeRow ? 1 : 0);
    return { out, seen, inPlace: false, standing, known: undefined };
  }
  const rows = () => standingRows(out, seen.size, index, search, ahead);
  const { standing, known } = await whileOurs(out, seen, rows);
  return { out, seen, inPlace: isWritten, standing, known };
}

/** 1 for each chunk that belongs somewhere. */
function wantedChunks({ toStarts }: Places): Uint8Array<ArrayBuffer> {
  const wanted = new Uint8Array(toStarts.length - 1);
  for (let chunk = 0; chunk < wanted.length; chunk++) {
    wanted[chunk] = toStarts[chunk] === toStarts[chunk + 1] ? 0 : 1;
  }
  return wanted;
}

/** The packs of ranges that lie in the cache, and their files; the store is told of the others. */
async function findPacks(
  { image, cache, store }: PlanPullOptions,
  ranges: readonly PackRange[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, string>> {
  const cached = new Map<number, string>();
  const toFetch: DiskBlob[] = [];
  for (const pack of new Set(ranges.map((range) => range.pack))) {
    const { digest, size } = image.packs[pack]!;
    const found = await cache.blobs.find(digest, size);
    if (found !== undefined) cached.set(pack, found.path);
    else toFetch.push(image.packs[pack]!);
  }
  await store.lookFor?.(toFetch, signal);
  return cached;
}

function summary(
  options: PlanPullOptions,
  of: {
    ranges: readonly PackRange[];
    cachedPacks: ReadonlyMap<number, string>;
    places: Places;
    changed: boolean;
  },
): Omit<Plan, "changed"> {
  const { image, store } = options;
  const { index } = image;
  const perPack = new Map<number, number>();
  let [bytesToMove, requests, fetched, chunks] = [image.fetchedBytes, 0, 0, 0];
  for (const range of of.ranges) {
    if (of.cachedPacks.has(range.pack)) continue;
    const bytes = range.end - range.start;
    perPack.set(range.pack, (perPack.get(range.pack) ?? 0) + bytes);
    bytesToMove += bytes;
    requests += store.requestsPerRead;
    for (const chunk of range.chunks) {
      chunks++;
      fetched += index.lengths[chunk]! *
        (of.places.toStarts[chunk + 1]! - of.places.toStarts[chunk]!);
    }
  }
  const objects: PlannedObject[] = [...perPack].map(([pack, sizeBytes]) => ({
    label: `a part of the pack ${image.packs[pack]!.digest}`,
    sizeBytes,
    state: "missing",
  }));
  const bytesToReuse = dataBytes(index) - fetched;
  objects.push({ label: "chunks on this machine", sizeBytes: bytesToReuse, state: "present" });
  const data = `${formatBytes(dataBytes(index))} of data`;
  const why = of.changed
    ? chunks === 0
      ? `${
        index.lengths.length === 1 ? "the one chunk is" : `all ${index.lengths.length} chunks are`
      } on this machine: ${data}`
      : `${chunks} of ${counted(index.lengths.length, "chunk")} ${
        chunks === 1 ? "is" : "are"
      } not on this machine: ${formatBytes(fetched)} of ${data}`
    : `"${options.file.path}" holds every chunk of ${image.manifest.digest}, each hashed now`;
  return {
    bytesToMove,
    bytesToReuse,
    exact: true,
    requests: of.changed ? requests + options.requestsAfter : 0,
    why,
    objects,
  };
}
