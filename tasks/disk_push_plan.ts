/**
 * Finds out which chunks of a file are in no pack yet.
 *
 * @module
 */
import { resolve } from "@std/path";
import { formatBytes } from "../lib/base/bytes.ts";
import type { Digest } from "../lib/base/digest.ts";
import { KedgeError, UsageError } from "../lib/base/errors.ts";
import type { Meter } from "../lib/base/meter.ts";
import type { Cache } from "../lib/cache/cache.ts";
import type { BuiltPack } from "../lib/chunk/build_pack.ts";
import { type Chunker, chunkerFor, type ChunkerKind, sameChunker } from "../lib/chunk/chunker.ts";
import { type ChunkTable, dataBytes } from "../lib/chunk/chunk_table.ts";
import { detectBytes, detectContent } from "../lib/chunk/detect_content.ts";
import { DigestLookup } from "../lib/chunk/digest_lookup.ts";
import { type DiskBlob, packBlobs } from "../lib/chunk/disk_manifest.ts";
import { mostIndexBytes } from "../lib/chunk/index_layout.ts";
import type { JobPool } from "../lib/chunk/job_pool.ts";
import { type PackChunks, planPacks } from "../lib/chunk/plan_packs.ts";
import { scanFile } from "../lib/chunk/scan_file.ts";
import type { Plan, PlannedObject } from "../lib/operation/figures.ts";
import type { Step } from "../lib/operation/operation.ts";
import { statIfThere } from "./disk_file.ts";
import type { DiskImage } from "./disk_image.ts";
import { type FileState, fileState, knownFile, sameState } from "./disk_known.ts";
import { makePushIndex, type PushIndex } from "./disk_push_index.ts";
import { tellReading } from "./disk_reading.ts";
import type { PackSpool } from "./disk_spool.ts";
import type { DiskStore } from "./disk_store.ts";

/** A disk whose packs can be named again. */
export interface PushBase {
  /** The disk. */
  readonly image: DiskImage;
  /** Where its packs are. */
  readonly store: DiskStore;
}

/** Chunks that a push puts into a new pack. */
export interface NewPack {
  /** The chunks. */
  readonly chunks: PackChunks;
  /** What came of them in an earlier push that did not end. */
  readonly built: BuiltPack | undefined;
  /** Whether it is in the registry by now. */
  readonly there: boolean;
}

/** What a push is about to do. */
export interface DiskPushPlan extends Plan {
  /** What the file is made of. */
  readonly table: ChunkTable;
  /** The state in which it was read. */
  readonly state: FileState;
  /** Where chunks are already: the number of the base plus one, and the chunk's number there. */
  readonly known: { readonly base: Uint16Array; readonly chunk: Uint32Array };
  /** The bases that give chunks; the first is what the destination means now, if that is a disk. */
  readonly bases: readonly PushBase[];
  /** Packs of bases that are in other repositories. */
  readonly adopted: readonly { readonly pack: DiskBlob; readonly from: DiskStore }[];
  /** Packs to be made. */
  readonly packs: readonly NewPack[];
  /** The index, where no pack has to be made first. */
  readonly standing: PushIndex | undefined;
  /** What the destination means now. */
  readonly pointer: Digest | undefined;
  /** Whether the destination has the empty config. */
  readonly hasConfig: boolean;
}

/** How a file is cut for a push. */
export interface PushChunking {
  /** The kind, or `auto`. */
  chunker: ChunkerKind | "auto";
  /** The length in bytes. */
  chunkBytes: number | undefined;
  /** The disk whose chunks are to be found again. */
  like: Chunker | undefined;
}

/** The chunker for a file, and why it is this one. */
export async function choosePushChunker(
  path: string,
  sizeBytes: number,
  { chunker, chunkBytes, like }: PushChunking,
): Promise<{ chunker: Chunker; why: string }> {
  if (chunker !== "auto") {
    return { chunker: chunkerFor(chunker, sizeBytes, chunkBytes), why: "as asked for" };
  }
  if (like !== undefined && (chunkBytes === undefined || like.avgBytes === chunkBytes)) {
    return { chunker: like, why: "as the version before" };
  }
  using file = await Deno.open(path);
  const head = new Uint8Array(detectBytes);
  let filled = 0;
  for (let count: number | null = 0; count !== null && filled < head.length;) {
    count = await file.read(head.subarray(filled));
    filled += count ?? 0;
  }
  const found = detectContent(head.subarray(0, filled), sizeBytes);
  return {
    chunker: chunkerFor(found.chunker, sizeBytes, chunkBytes),
    why: `since it is ${found.what}`,
  };
}

/** The file that is to be pushed. */
export async function lookAtPushedFile(path: string): Promise<Deno.FileInfo> {
  const info = await statIfThere(path);
  if (info?.isFile === true) return info;
  const state = info === undefined
    ? "it is not there"
    : info.isDirectory
    ? "it is a folder"
    : "it is no regular file";
  throw new UsageError(`Cannot push "${path}": ${state}`, { hint: "name a file" });
}

/**
 * What a file is made of: the known table where the file system vouches for it, else one made by reading all of it.
 *
 * @throws {KedgeError} if the file changes while it is read
 */
export async function readPushedFile(
  path: string,
  chunker: Chunker,
  of: { cache: Cache; pool: JobPool; signal: AbortSignal; meter: Meter; paranoid: boolean },
): Promise<{ table: ChunkTable; state: FileState; read: boolean }> {
  const before = fileState(await lookAtPushedFile(path));
  const known = of.paranoid ? undefined : await knownFile(of.cache, path);
  if (known?.certain === true && sameChunker(known.table.chunker, chunker)) {
    return { table: known.table, state: before, read: false };
  }
  const { pool, signal, meter } = of;
  const onRead = tellReading(meter, path, before.size);
  const table = await scanFile(path, chunker, { pool, signal, onRead });
  const after = fileState(await Deno.stat(path));
  if (!sameState(before, after) || table.size !== after.size) {
    throw new KedgeError(`Cannot push "${path}": it changed while it was read`, {
      side: "source",
      hint: "stop what writes to it, or push a snapshot of it",
    });
  }
  return { table, state: after, read: true };
}

/** What {@linkcode planPush} works with. */
export interface PlanPushOptions {
  /** The file. */
  path: string;
  /** What it is made of. */
  table: ChunkTable;
  /** The state in which it was read. */
  state: FileState;
  /** What is said of the chunker and of the reading. */
  remarks: string;
  /** Disks whose packs can be named again. */
  bases: readonly PushBase[];
  /** Where it goes. */
  store: DiskStore;
  /** What that means now. */
  pointer: Digest | undefined;
  /** Whether that is a disk with a config like ours. */
  hasConfig: boolean;
  /** Packs of earlier pushes that did not end. */
  spool: PackSpool;
  /** Bytes that were fetched to know all this. */
  fetchedBytes: number;
}

/** Plans a push. */
export async function planPush(options: PlanPushOptions, step: Step): Promise<DiskPushPlan> {
  const { table, store, bases, spool, state, pointer } = options;
  const count = table.lengths.length;
  const fresh = new Uint8Array(count).fill(1);
  const known = { base: new Uint16Array(count), chunk: new Uint32Array(count) };
  const adopted: { pack: DiskBlob; from: DiskStore }[] = [];
  for (const [number, base] of bases.entries()) {
    const { index } = base.image;
    const lookup = new DigestLookup(index.digests, index.lengths.length);
    const usable = new UsablePacks(base, store, number === 0 && base.store === store);
    for (let chunk = 0; chunk < count; chunk++) {
      if (fresh[chunk] === 0) continue;
      const found = lookup.find(table.digests, chunk);
      if (found < 0 || index.lengths[found] !== table.lengths[chunk]) continue;
      if (!await usable.has(index.packs[found]!)) continue;
      fresh[chunk] = 0;
      known.base[chunk] = number + 1;
      known.chunk[chunk] = found;
    }
    step.signal.throwIfAborted();
    adopted.push(...usable.toAdopt());
  }

  const packs: NewPack[] = [];
  for (const chunks of planPacks(table, fresh)) {
    const built = await spool.find(table, chunks);
    const there = built !== undefined &&
      await store.has({ mediaType: "", digest: built.digest, size: built.size });
    packs.push({ chunks, built, there });
  }
  const standing = packs.length > 0 ? undefined : makePushIndex({ table, known, bases, packs: [] });
  const changed = standing === undefined || standing.manifestDigest !== pointer;
  const partial = { table, state, known, bases, adopted, packs, standing, pointer };
  const hasConfig = options.hasConfig;
  return {
    ...partial,
    hasConfig,
    changed,
    ...summary(options, { fresh, packs, adopted, standing, changed }),
  };
}

/** Which packs of a base can be named: those that are where the base is. */
class UsablePacks {
  #base: PushBase;
  #store: DiskStore;
  #current: boolean;
  #blobs: DiskBlob[];
  #known = new Map<number, boolean>();

  constructor(base: PushBase, store: DiskStore, current: boolean) {
    this.#base = base;
    this.#store = store;
    this.#current = current;
    this.#blobs = packBlobs(base.image.index);
  }

  async has(pack: number): Promise<boolean> {
    const known = this.#known.get(pack);
    if (known !== undefined) return known;
    // What a manifest in a registry names is there: the registry took the manifest, and keeps what it names.
    const sure = this.#base.store.requestsPerRead > 0;
    const there = sure || await this.#base.store.has(this.#blobs[pack]!);
    this.#known.set(pack, there);
    return there;
  }

  toAdopt(): { pack: DiskBlob; from: DiskStore }[] {
    if (this.#current || sameRepository(this.#base.store, this.#store)) return [];
    return [...this.#known].filter(([, there]) => there)
      .map(([pack]) => ({ pack: this.#blobs[pack]!, from: this.#base.store }));
  }
}

/** Whether a store takes blobs of another without their bytes going through here: by a mount, or a link. */
function comesAlong({ reference: a }: DiskStore, { reference: b }: DiskStore): boolean {
  if (a.transport === "docker" && b.transport === "docker") return a.host === b.host;
  return a.transport === b.transport;
}

/** Whether two stores hold their blobs in one place. */
export function sameRepository({ reference: a }: DiskStore, { reference: b }: DiskStore): boolean {
  if (a.transport === "docker" && b.transport === "docker") {
    return a.host === b.host && a.repository === b.repository;
  }
  return a.transport === "oci" && b.transport === "oci" && resolve(a.folder) === resolve(b.folder);
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
  const { table, store, remarks } = options;
  const { requestsPerPut, requestsPerRead } = store;
  const objects: PlannedObject[] = [];
  let [moving, fresh, chunks, requests] = [0, 0, 0, 0];
  for (const { chunks: packed, built, there } of of.packs) {
    const plain = packed.reduce((sum, chunk) => sum + table.lengths[chunk]!, 0);
    fresh += plain;
    chunks += packed.length;
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
    if (comesAlong(from, store)) {
      requests += requestsPerRead;
    } else {
      requests += requestsPerPut + from.requestsPerRead;
      moving += pack.size;
    }
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
  const exact = of.packs.every(({ built }) => built !== undefined) && of.standing !== undefined;
  const configBytes = options.hasConfig ? 0 : 2;
  const why = of.changed
    ? `${chunks} of ${table.lengths.length} chunks (${formatBytes(fresh)} of ` +
      `${formatBytes(dataBytes(table))}) are in no pack yet; ${remarks}`
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
