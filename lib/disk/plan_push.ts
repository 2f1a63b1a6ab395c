/**
 * Finds out which chunks of a file are in no pack yet.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";
import { inParallel } from "../base/in_parallel.ts";
import { type ChunkTable, dataBytes } from "../chunk/chunk_table.ts";
import { type PackChunks, planPacks } from "../chunk/plan_packs.ts";
import { refuseLargeTable } from "../chunk/refuse_large_table.ts";
import type { Plan } from "../operation/figures.ts";
import type { Step } from "../operation/operation.ts";
import type { DiskStore } from "./disk_store.ts";
import { foreseePush, type PushParts } from "./foresee_push.ts";
import { findKnown, type KnownChunks } from "./known_chunks.ts";
import type { SeenState } from "./known_files.ts";
import { type NewPack, plainBytes } from "./new_pack.ts";
import type { PackSpool } from "./pack_spool.ts";
import { makePushIndex, type PushIndex, type PushIndexParts } from "./push_index.ts";
import { tellReading } from "./tell_reading.ts";
import { hasPack, type TwinPacks } from "./twin_packs.ts";
import type { PushBase } from "./usable_packs.ts";

const lookingAtOnce = 4;

/** What a push is about to do. */
export interface DiskPushPlan extends Plan, PushParts {
  /** The state in which the file was read. */
  readonly state: SeenState;
  /** Where chunks are already. */
  readonly known: KnownChunks;
  /** What the destination means now. */
  readonly pointer: Digest | undefined;
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
    ...foreseePush({ ...options, ...partial, isRepacked: options.twins !== undefined, changed }),
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
