/**
 * What a push is foreseen to cost, and why.
 *
 * @module
 */
import { formatBytes } from "../base/bytes.ts";
import { type ChunkTable, dataBytes } from "../chunk/chunk_table.ts";
import { mostIndexBytes } from "../chunk/index_layout.ts";
import type { Plan, PlannedObject } from "../operation/figures.ts";
import type { DiskSource, DiskStore } from "./disk_store.ts";
import type { AdoptedPack } from "./known_chunks.ts";
import { type NewPack, plainBytes } from "./new_pack.ts";
import type { PushIndex } from "./push_index.ts";
import type { PushBase } from "./usable_packs.ts";

/** What a push is made of. */
export interface PushParts {
  /** What the file is made of. */
  readonly table: ChunkTable;
  /** The bases that give chunks; the first is what the destination means now, if that is a disk. */
  readonly bases: readonly PushBase[];
  /** Packs of bases that are in other repositories. */
  readonly adopted: readonly AdoptedPack[];
  /** Packs to be made. */
  readonly packs: readonly NewPack[];
  /** The index, where no pack has to be sent first. */
  readonly standing: PushIndex | undefined;
  /** Whether the destination has the empty config. */
  readonly hasConfig: boolean;
}

/** What was found out for a push. */
export interface FoundForPush extends PushParts {
  /** Where it goes. */
  readonly store: DiskStore;
  /** Whether anything is to be done. */
  readonly changed: boolean;
  /** Whether all chunks are packed afresh, though a disk stands there. */
  readonly isRepacked: boolean;
  /** Bytes that were fetched to know all this. */
  readonly fetchedBytes: number;
  /** What is said of the chunker and of the reading. */
  readonly remarks: string;
}

interface Cost {
  bytes: number;
  requests: number;
}

/** What it costs, and why. */
export function foreseePush(found: FoundForPush): Omit<Plan, "changed"> {
  const { table, packs, adopted, standing, changed, store } = found;
  const missing = packs.filter(({ there }) => !there);
  const fresh = sum(missing.map(({ chunks }) => plainBytes(table, chunks)));
  const costs = [
    ...missing.map((pack) => packCost(pack, found)),
    ...adopted.map((pack) => adoptionCost(pack, store)),
    endCost(found),
  ];
  // What may come along by itself or not is a bound.
  const isBound = adopted.some(({ from }) => comesAlong(from, store) && !store.borrows(from));
  return {
    bytesToMove: found.fetchedBytes + (changed ? sum(costs.map(({ bytes }) => bytes)) : 0),
    bytesToReuse: dataBytes(table) - fresh,
    exact: !isBound && packs.every(({ built }) => built !== undefined) && standing !== undefined,
    requests: changed ? sum(costs.map(({ requests }) => requests)) : 0,
    why: whyOf(found, missing, fresh),
    objects: packs.map((pack) => objectOf(pack, table)),
  };
}

function whyOf(
  { table, packs, store, changed, isRepacked, remarks }: FoundForPush,
  missing: readonly NewPack[],
  fresh: number,
): string {
  const there = packs.length - missing.length;
  const said = isRepacked
    ? `${remarks}; packed afresh, ${there} of ${packs.length} packs are there already`
    : remarks;
  if (!changed) return `"${store.name}" holds these very chunks; ${said}`;
  const chunks = sum(missing.map((pack) => pack.chunks.length));
  return `${chunks} of ${table.lengths.length} chunks (${formatBytes(fresh)} of ` +
    `${formatBytes(dataBytes(table))}) go into new packs; ${said}`;
}

function objectOf(pack: NewPack, table: ChunkTable): PlannedObject {
  return {
    label: pack.built?.digest ?? `a pack of ${pack.chunks.length} chunks`,
    sizeBytes: bytesOf(pack, table),
    state: pack.there ? "present" : "missing",
  };
}

/** The bytes of a pack; of one that was not made yet, the most that they can be. */
function bytesOf({ built, chunks }: NewPack, table: ChunkTable): number {
  return built?.size ?? plainBytes(table, chunks);
}

function packCost(pack: NewPack, { table, store }: FoundForPush): Cost {
  return {
    bytes: bytesOf(pack, table),
    requests: store.requestsPerPut + store.requestsPerRead,
  };
}

function adoptionCost({ pack, from }: AdoptedPack, store: DiskStore): Cost {
  const asking = comesAlong(from, store) ? store.requestsPerRead : 0;
  return store.borrows(from) ? { bytes: 0, requests: asking } : {
    bytes: pack.size,
    requests: asking + store.requestsPerPut + from.requestsPerRead,
  };
}

/** What follows the packs: the index and its proof, the proof of the config, a look at the tag, the manifest. */
function endCost(
  { table, store, bases, packs, standing, hasConfig }: FoundForPush,
): Cost {
  const { requestsPerPut, requestsPerRead } = store;
  const indexBytes = standing?.indexBytes.length ?? mostIndexBytes({
    packs: packs.length + sum(bases.map(({ image }) => image.packs.length)),
    chunks: table.lengths.length,
    rows: table.rows.length,
    holes: table.rows.length,
    local: false,
  });
  return {
    bytes: indexBytes + (hasConfig ? 0 : 2),
    requests: (hasConfig ? 1 : 2) * requestsPerPut + 4 * requestsPerRead,
  };
}

/** Whether a store may take blobs of another without their bytes going through here: by a mount, or a link. */
function comesAlong({ repository: a }: DiskSource, { repository: b }: DiskStore): boolean {
  return a?.host === b?.host;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
