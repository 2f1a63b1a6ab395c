/**
 * Finds out which chunks of a file are in no pack yet.
 *
 * @module
 */
import { formatBytes } from "../base/bytes.ts";
import type { Digest } from "../base/digest.ts";
import { inParallel } from "../base/in_parallel.ts";
import type { BuiltPack } from "../chunk/build_pack.ts";
import { type ChunkTable, dataBytes } from "../chunk/chunk_table.ts";
import { mostIndexBytes } from "../chunk/index_layout.ts";
import { type PackChunks, planPacks } from "../chunk/plan_packs.ts";
import { refuseLargeTable } from "../chunk/refuse_large_table.ts";
import type { Plan, PlannedObject } from "../operation/figures.ts";
import type { Step } from "../operation/operation.ts";
import type { DiskSource, DiskStore } from "./disk_store.ts";
import { type AdoptedPack, findKnown, type KnownChunks } from "./known_chunks.ts";
import type { SeenState } from "./known_files.ts";
import type { PackSpool } from "./pack_spool.ts";
import { makePushIndex, type PushIndex, type PushIndexParts } from "./push_index.ts";
import { tellReading } from "./tell_reading.ts";
import { hasPack, type TwinPacks } from "./twin_packs.ts";
import type { PushBase } from "./usable_packs.ts";

const lookingAtOnce = 4;

/** Chunks that a push puts into a new pack. */
export interface NewPack {
  /** The chunks. */
  readonly chunks: PackChunks;
  /** What comes of them, where that is known: from an earlier push that did not end, or from the disk before. */
  readonly built: BuiltPack | undefined;
  /** Whether it is in the registry by now. */
  readonly there: boolean;
}

/** What a push is about to do. */
export interface DiskPushPlan extends Plan {
  /** What the file is made of. */
  readonly table: ChunkTable;
  /** The state in which it was read. */
  readonly state: SeenState;
  /** Where chunks are already. */
  readonly known: KnownChunks;
  /** The bases that give chunks; the first is what the destination means now, if that is a disk. */
  readonly bases: readonly PushBase[];
  /** Packs of bases that are in other repositories. */
  readonly adopted: readonly AdoptedPack[];
  /** Packs to be made. */
  readonly packs: readonly NewPack[];
  /** The index, where no pack has to be sent first. */
  readonly standing: PushIndex | undefined;
  /** What the destination means now. */
  readonly pointer: Digest | undefined;
  /** Whether the destination has the empty config. */
  readonly hasConfig: boolean;
}

/** What {@linkcode planPush} works with. */
export interface PlanPushOptions {
  /** The file. */
  path: string;
  /** What it is made of. */
  table: ChunkTable;
  /** The state in which it was read. */
  state: SeenState;
  /** What is said of the chunker and of the reading. */
  remarks: string;
  /** Disks whose packs can be named again. */
  bases: readonly PushBase[];
  /** Where it goes. */
  store: DiskStore;
  /** What that means now. */
  pointer: Digest | undefined;
  /** Whether a registry is asked for each pack that is named again, which it may have lost. */
  asks: boolean;
  /** Whether that is a disk with a config like ours. */
  hasConfig: boolean;
  /** Whether the index of that is there, if it is a disk. */
  hasIndex: boolean;
  /** Packs of earlier pushes that did not end. */
  spool: PackSpool;
  /** The packs of what that means now, where all chunks are packed afresh. */
  twins: TwinPacks | undefined;
  /** Bytes that were fetched to know all this. */
  fetchedBytes: number;
}

/** Plans a push. */
export async function planPush(options: PlanPushOptions, step: Step): Promise<DiskPushPlan> {
  const { table, bases, state, pointer } = options;
  refuseLargeTable(table);
  const { known, fresh, adopted } = await findKnown(options, step);
  const packs = await lookAtPacks(options, planPacks(table, fresh), step);
  const standing = makeStanding({ table, known, bases }, packs);
  const stands = options.hasIndex && options.hasConfig;
  const changed = !stands || standing === undefined || standing.manifestDigest !== pointer;
  const partial = { table, state, known, bases, adopted, packs, standing, pointer };
  const hasConfig = options.hasConfig;
  return {
    ...partial,
    hasConfig,
    changed,
    ...summary(options, { fresh, packs, adopted, standing, changed }),
  };
}

/** What of the new packs is there already: packs of an earlier push that did not end, and those that the disk before has alike. */
async function lookAtPacks(
  { path, table, store, spool, twins }: PlanPushOptions,
  planned: readonly PackChunks[],
  { meter, signal }: Step,
): Promise<NewPack[]> {
  const packs: NewPack[] = [];
  const tell = tellReading(meter, path, dataBytes(table));
  await inParallel(planned.entries(), lookingAtOnce, signal, async ([at, chunks]) => {
    const built = await spool.find(table, chunks) ?? await twins?.find(chunks);
    const there = built !== undefined && await hasPack(store, built, signal);
    packs[at] = { chunks, built, there };
    if (twins !== undefined) tell(plainBytes(table, chunks));
  });
  twins?.end();
  return packs;
}

/** The index, where all packs are there. */
function makeStanding(
  parts: Omit<PushIndexParts, "packs">,
  packs: readonly NewPack[],
): PushIndex | undefined {
  const standing = packs.flatMap(({ chunks, built, there }) =>
    there && built !== undefined ? [{ chunks, built }] : []
  );
  return standing.length < packs.length ? undefined : makePushIndex({ ...parts, packs: standing });
}

function plainBytes({ lengths }: ChunkTable, chunks: PackChunks): number {
  return chunks.reduce((sum, chunk) => sum + lengths[chunk]!, 0);
}

/** Whether a store may take blobs of another without their bytes going through here: by a mount, or a link. */
function comesAlong({ repository: a }: DiskSource, { repository: b }: DiskStore): boolean {
  return a?.host === b?.host;
}

function summary(
  options: PlanPushOptions,
  of: {
    fresh: Uint8Array;
    packs: readonly NewPack[];
    adopted: DiskPushPlan["adopted"];
    standing: PushIndex | undefined;
    changed: boolean;
  },
): Omit<Plan, "changed"> {
  const { table, store } = options;
  const { requestsPerPut, requestsPerRead } = store;
  const objects: PlannedObject[] = [];
  let [moving, fresh, chunks, requests] = [0, 0, 0, 0];
  let isBound = false;
  for (const { chunks: packed, built, there } of of.packs) {
    const plain = plainBytes(table, packed);
    if (!there) {
      fresh += plain;
      chunks += packed.length;
    }
    const sizeBytes = built?.size ?? plain;
    objects.push({
      label: built?.digest ?? `a pack of ${packed.length} chunks`,
      sizeBytes,
      state: there ? "present" : "missing",
    });
    if (!there) {
      moving += sizeBytes;
      requests += requestsPerPut + requestsPerRead;
    }
  }
  for (const { pack, from } of of.adopted) {
    const mayComeAlong = comesAlong(from, store);
    if (mayComeAlong) requests += requestsPerRead;
    if (store.borrows(from)) continue;
    requests += requestsPerPut + from.requestsPerRead;
    moving += pack.size;
    isBound ||= mayComeAlong;
  }
  // The index and its proof, the proof of the config, a look at the tag, the manifest.
  requests += requestsPerPut + requestsPerRead + 3 * requestsPerRead;
  if (!options.hasConfig) requests += requestsPerPut;
  const indexBytes = of.standing?.indexBytes.length ?? mostIndexBytes({
    packs: of.packs.length + options.bases.reduce((n, b) => n + b.image.packs.length, 0),
    chunks: table.lengths.length,
    rows: table.rows.length,
    holes: table.rows.length,
    local: false,
  });
  const exact = !isBound && of.packs.every(({ built }) => built !== undefined) &&
    of.standing !== undefined;
  const configBytes = options.hasConfig ? 0 : 2;
  const there = of.packs.filter((pack) => pack.there).length;
  const remarks = options.twins === undefined
    ? options.remarks
    : `${options.remarks}; packed afresh, ${there} of ${of.packs.length} packs are there already`;
  const why = of.changed
    ? `${chunks} of ${table.lengths.length} chunks (${formatBytes(fresh)} of ` +
      `${formatBytes(dataBytes(table))}) go into new packs; ${remarks}`
    : `"${store.name}" holds these very chunks; ${remarks}`;
  return {
    bytesToMove: options.fetchedBytes + (of.changed ? moving + indexBytes + configBytes : 0),
    bytesToReuse: dataBytes(table) - fresh,
    exact,
    requests: of.changed ? requests : 0,
    why,
    objects,
  };
}
