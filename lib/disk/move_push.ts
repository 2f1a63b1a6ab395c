/**
 * Brings what a planned push needs into its store, and proves that it is there.
 *
 * @module
 */
import { IncompleteError, KedgeError, VerificationError } from "../base/errors.ts";
import { inParallel } from "../base/in_parallel.ts";
import type { Meter, ObjectMeter, PartMeter } from "../base/meter.ts";
import type { BuiltPack } from "../chunk/build_pack.ts";
import { firstRows } from "../chunk/chunk_table.ts";
import { configBlob, type DiskBlob, DiskType, emptyConfig } from "../chunk/disk_manifest.ts";
import type { JobPool } from "../chunk/job_pool.ts";
import { plainBytes } from "../chunk/plan_packs.ts";
import { parseManifest } from "../oci/manifest.ts";
import type { Step } from "../operation/operation.ts";
import type { DiskStore } from "./disk_store.ts";
import { orElsewhere } from "./or_elsewhere.ts";
import type { PackSpool } from "./pack_spool.ts";
import type { NewPack } from "./new_pack.ts";
import type { DiskPushPlan } from "./plan_push.ts";
import { makePushIndex, type PushIndex } from "./push_index.ts";
import { type Moving, tellMoving } from "./tell_moving.ts";

/** What {@linkcode movePush} works with. */
export interface MovePushOptions {
  /** The file. */
  readonly path: string;
  /** Keeps packs until the push is committed. */
  readonly spool: PackSpool;
  /** Where all of it goes. */
  readonly store: DiskStore;
  /** Compresses. */
  readonly pool: JobPool;
  /** How many packs are under way at a time. */
  readonly concurrency: number;
}

/** What a push moved. */
export interface MovedPush {
  /** The index and the manifest. */
  readonly made: PushIndex;
  /** The new packs, in their order. */
  readonly packs: readonly { readonly chunks: NewPack["chunks"]; readonly built: BuiltPack }[];
}

/** Brings packs of bases along, makes the new packs and puts them, then the index. */
export async function movePush(
  plan: DiskPushPlan,
  options: MovePushOptions,
  step: Step,
): Promise<MovedPush> {
  const { store, concurrency } = options;
  const meter = step.meter.part(store.name, plan.bytesToMove);
  meter.reused(plan.bytesToReuse);
  await inParallel(plan.adopted, concurrency, step.signal, async ({ pack, from }) => {
    await orElsewhere(from, pack, async () => {
      if (await store.adopt(pack, from)) return;
      using progress = meter.object(pack.digest, pack.size);
      // It cannot be mounted: its bytes come through this machine.
      await store.putStream(pack, () => from.stream(pack, step.signal), progress);
    });
  });
  const packs = await movePacks(plan, options, { ...step, meter });
  options.pool.rest();
  const made = plan.standing ?? makePushIndex({ ...plan, packs });
  if (!plan.hasConfig) await putBytes(store, configBlob(), emptyConfig, meter);
  await putBytes(store, made.indexBlob, made.indexBytes, meter);
  return { made, packs };
}

/**
 * Asks the store for all that a push put into it.
 *
 * @throws {IncompleteError} if something is not there
 */
export async function verifyPush(
  plan: DiskPushPlan,
  { made, packs }: MovedPush,
  store: DiskStore,
): Promise<void> {
  const fresh: DiskBlob[] = packs.filter((_, at) => !plan.packs[at]!.there).map((
    { built },
  ) => ({
    mediaType: DiskType.pack,
    ...built,
  }));
  await refuseMissing(
    [...fresh, made.indexBlob, configBlob()],
    store,
    "run the same command again",
  );
}

/**
 * Makes the reference mean what was pushed.
 *
 * @throws {IncompleteError} if the store refuses, and lacks a pack that an earlier version named
 */
export async function commitPush({ made }: MovedPush, store: DiskStore): Promise<void> {
  try {
    await store.commit(made.manifest);
  } catch (error) {
    if (!(error instanceof KedgeError) || ![400, 404].includes(Number(error.data["status"]))) {
      throw error;
    }
    const { blobs } = parseManifest(made.manifest, { name: store.name });
    const hint =
      "push with --paranoid, which sends it again, or with --repack, which names no older pack";
    await refuseMissing(blobs, store, hint);
    throw error;
  }
}

async function refuseMissing(
  blobs: readonly DiskBlob[],
  store: DiskStore,
  hint: string,
): Promise<void> {
  for (const blob of blobs) {
    if (await store.has(blob)) continue;
    throw new IncompleteError(`Cannot finish "${store.name}": it lacks ${blob.digest}`, {
      side: "destination",
      hint,
    });
  }
}

/** Makes the new packs and puts them, several at a time: while some are sent, others are compressed. */
async function movePacks(
  plan: DiskPushPlan,
  of: MovePushOptions,
  step: Step & { meter: PartMeter },
): Promise<MovedPush["packs"]> {
  const { spool, store, pool } = of;
  const { table } = plan;
  const rows = firstRows(table);
  const done: BuiltPack[] = [];
  const toSend = plan.packs.filter((pack) => !pack.there);
  const moving = tellMoving(step.meter, {
    pieces: of.store.requestsPerPut > 0 ? "requests" : "parts",
    wire: "sent",
    wireBytes: undefined,
    file: "packed",
    fileBytes: toSend.reduce((sum, pack) => sum + plainBytes(table, pack.chunks), 0),
  });
  moving.reused(plan.bytesToReuse);
  await inParallel(plan.packs.entries(), of.concurrency, step.signal, async ([at, pack]) => {
    let built = pack.built;
    let path = built === undefined || pack.there ? undefined : await spool.file(built);
    if (built === undefined || (!pack.there && path === undefined)) {
      built = await spool.make(of.path, table, pack.chunks, { pool, rows });
      path = await spool.file(built);
    }
    done[at] = built;
    if (pack.there || path === undefined) return;
    moving.file(plainBytes(table, pack.chunks), built.size);
    if (pack.built === undefined) step.meter.foresee(built.size - plainBytes(table, pack.chunks));
    const blob = { mediaType: DiskType.pack, digest: built.digest, size: built.size };
    using progress = counting(step.meter.object(blob.digest, blob.size), moving);
    try {
      await store.put(blob, path, progress);
    } catch (error) {
      if (!(error instanceof VerificationError) || pack.built === undefined) throw error;
      step.meter.note(`${blob.digest} of an earlier push is damaged; it is made anew`, "warning");
      progress.restarted();
      await spool.release(table, pack.chunks, built);
      const again = done[at] = await spool.make(of.path, table, pack.chunks, { pool, rows });
      await store.put({ mediaType: DiskType.pack, ...again }, (await spool.file(again))!, progress);
    }
    // What was sent twice, since a connection broke, arrived once.
    moving.wire(done[at].size - progress.sent);
    step.record(done[at].digest, "arrived", { sizeBytes: done[at].size });
  });
  if (plan.packs.length > 0) moving.end();
  return plan.packs.map(({ chunks }, at) => ({ chunks, built: done[at]! }));
}

async function putBytes(
  store: DiskStore,
  blob: DiskBlob,
  bytes: Uint8Array,
  meter: Meter,
): Promise<void> {
  using progress = meter.object(blob.digest, blob.size);
  await store.put(blob, bytes, progress);
}

/** Counts what is sent of a blob also for {@linkcode tellMoving}; what was sent in vain is taken back. */
function counting(object: ObjectMeter, moving: Moving): ObjectMeter & { sent: number } {
  const counter: ObjectMeter & { sent: number } = {
    ...object,
    sent: 0,
    moved(bytes: number) {
      counter.sent += bytes;
      object.moved(bytes);
      moving.wire(bytes, 0);
    },
    restarted(bytes = counter.sent) {
      object.restarted(bytes);
      moving.wire(-bytes, 0);
      counter.sent -= bytes;
    },
  };
  return counter;
}
