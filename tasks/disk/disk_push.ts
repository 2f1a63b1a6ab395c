import { type Chunker, chunkerInWords } from "../../lib/chunk/chunker.ts";
import { firstRows } from "../../lib/chunk/chunk_table.ts";
import { configBlob } from "../../lib/chunk/disk_manifest.ts";
import { JobPool } from "../../lib/chunk/job_pool.ts";
import { keepsMuch, mostWorkers } from "../../lib/chunk/most_workers.ts";
import { packWorkers } from "../../lib/chunk/pack_workers.ts";
import type { DiskStore } from "../../lib/disk/disk_store.ts";
import { keepTable, rememberFile } from "../../lib/disk/known_files.ts";
import { commitPush, type MovedPush, movePush, verifyPush } from "../../lib/disk/move_push.ts";
import {
  type OpenDiskOptions,
  openDiskSource,
  openDiskStore,
} from "../../lib/disk/open_disk_store.ts";
import { PackSpool } from "../../lib/disk/pack_spool.ts";
import { type DiskPushPlan, planPush } from "../../lib/disk/plan_push.ts";
import { findPushBases, type PushBases } from "../../lib/disk/push_bases.ts";
import type { PushIndex } from "../../lib/disk/push_index.ts";
import {
  choosePushChunker,
  contentOf,
  type PushedFile,
  readPushedFile,
} from "../../lib/disk/pushed_file.ts";
import { checkPushRoom } from "../../lib/disk/room_for_push.ts";
import { keepDisk } from "../../lib/disk/seen_disks.ts";
import { TwinPacks } from "../../lib/disk/twin_packs.ts";
import { whereRoom } from "../../lib/disk/where_room.ts";
import { formatReference, type ImageReference } from "../../lib/oci/reference.ts";
import type { RegistryMirrors } from "../../lib/oci/registry/registry_mirrors.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import type { PushDiskOptions, PushDiskResult } from "./disk.ts";

type Standing = Omit<PushDiskResult, keyof Figures>;

/** What a {@linkcode DiskPush} works with. */
export interface DiskPushOptions {
  /** What was asked for, checked. */
  readonly asked: PushDiskOptions;
  /** Where it goes. */
  readonly reference: ImageReference;
  /** Disks whose packs are to be named again. */
  readonly bases: readonly ImageReference[];
  /** The bytes of the file. */
  readonly sizeBytes: number;
  /** How many packs are under way at a time. */
  readonly concurrency: number;
  /** What holds for registries. */
  readonly rules: RegistryMirrors | undefined;
  /** What it runs in. */
  readonly context: TaskContext;
}

/** The steps of a push. */
export class DiskPush implements Operation<DiskPushPlan, MovedPush, Standing>, AsyncDisposable {
  readonly kind = "disk";
  readonly subject: string;
  readonly #of: DiskPushOptions;
  readonly #level: number;
  readonly #resources = new AsyncDisposableStack();
  readonly #pool: JobPool;
  readonly #spool: PackSpool;
  #store!: DiskStore;

  /** Opens nothing yet. */
  constructor(of: DiskPushOptions) {
    const { asked, context: { cache, signal } } = of;
    this.#of = of;
    this.#level = asked.level ?? 3;
    this.subject = `${asked.file} -> ${asked.reference}`;
    this.#pool = this.#resources.use(
      new JobPool({ signal, sizeBytes: of.sizeBytes, level: this.#level }),
    );
    this.#spool = this.#resources.use(new PackSpool(cache, this.#level));
  }

  async plan(step: Step): Promise<DiskPushPlan> {
    const { asked, reference, sizeBytes, context: { cache } } = this.#of;
    const { meter } = step;
    const opening = this.#opening(step);
    const store = this.#store = this.#resources.use(openDiskStore(reference, opening));
    const bases = await this.#findBases(opening);
    const { chunker, why } = await choosePushChunker(asked.file, sizeBytes, {
      chunker: asked.chunker ?? "auto",
      chunkBytes: asked.chunkBytes,
      like: bases.found[0]?.image.index.chunker,
    });
    const file = await this.#read(chunker, step);
    const cut = `cut ${chunkerInWords(chunker)}, ${why}`;
    const remarks = file.read
      ? cut
      : `${cut}; it was not read to know that, since the file system says that it is as it was`;
    const plan = await this.#planFor(file, { bases, remarks }, step);
    if (step.dryRun && plan.changed) store.foresee();
    if (plan.changed) await checkPushRoom(plan, { store, cacheDir: cache.dir, meter });
    return plan;
  }

  async move(plan: DiskPushPlan, step: Step): Promise<MovedPush> {
    return await movePush(plan, {
      path: this.#of.asked.file,
      spool: this.#spool,
      store: this.#store,
      pool: this.#pool,
      concurrency: this.#of.concurrency,
    }, step);
  }

  async verify(plan: DiskPushPlan, moved: MovedPush): Promise<void> {
    await verifyPush(plan, moved, this.#store);
  }

  async commit(plan: DiskPushPlan, moved: MovedPush, step: Step): Promise<Standing> {
    const { asked, context: { cache } } = this.#of;
    const { made, packs } = moved;
    await this.#tellMoved(plan, step);
    await commitPush(moved, this.#store);
    for (const { chunks, built } of packs) await this.#spool.release(plan.table, chunks, built);
    await whereRoom(cache, step.meter, async () => {
      await rememberFile(cache, asked.file, await keepTable(cache, plan.table), plan.state);
      const manifest = { digest: made.manifestDigest };
      await keepDisk(cache, { ...made, manifest }, asked.reference);
    });
    return this.#result(plan, made);
  }

  standing(plan: DiskPushPlan): Standing {
    return this.#result(plan, plan.standing);
  }

  /** Closes what the steps opened. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  #opening({ meter, signal }: Step): OpenDiskOptions {
    const { asked, rules, context } = this.#of;
    return {
      meter,
      signal,
      redactor: context.redactor,
      insecureRegistries: asked.insecureRegistries,
      rules,
      memory: context.journal,
    };
  }

  async #findBases(opening: OpenDiskOptions): Promise<PushBases> {
    const { asked, reference, bases, sizeBytes, context: { cache } } = this.#of;
    const { chunker = "auto" } = asked;
    return await findPushBases({
      reference,
      store: this.#store,
      bases,
      repack: asked.repack === true,
      wanted: async () =>
        chunker === "auto" ? await contentOf(asked.file, sizeBytes) : { chunker, known: true },
      openSource: async (base) => this.#resources.use(await openDiskSource(base, opening)),
      openBeside: (beside) => this.#resources.use(openDiskStore(beside, opening)),
      cache,
      meter: opening.meter,
      signal: opening.signal,
    });
  }

  /** Reads the file with as many workers as cutting it feeds, and leaves those that packing it feeds. */
  async #read(chunker: Chunker, { meter }: Step): Promise<PushedFile> {
    const { asked, context: { cache, signal } } = this.#of;
    const pool = this.#pool;
    pool.narrow(mostWorkers(chunker));
    const file = await readPushedFile(asked.file, chunker, {
      cache,
      pool,
      signal,
      meter,
      paranoid: asked.paranoid === true,
    });
    const packing = packWorkers(chunker, this.#level);
    if (file.read && (keepsMuch(chunker) || 2 * packing < pool.width)) pool.rest();
    pool.narrow(packing);
    return file;
  }

  async #planFor(
    { table, state }: PushedFile,
    { bases, remarks }: { bases: PushBases; remarks: string },
    step: Step,
  ): Promise<DiskPushPlan> {
    const { asked } = this.#of;
    const { pointer, before, found } = bases;
    const { paranoid = false } = asked;
    const store = this.#store;
    // What is on this machine is looked at in any case.
    const looks = paranoid || store.requestsPerRead === 0;
    const rows = firstRows(table);
    const packing = { path: asked.file, table, pool: this.#pool, level: this.#level, rows };
    return await planPush({
      path: asked.file,
      table,
      state,
      remarks,
      bases: found,
      store,
      pointer,
      asks: paranoid,
      hasConfig: found[0]?.store === store && !looks || await store.has(configBlob()),
      hasIndex: !looks || before === undefined || await store.has(before.image.indexBlob),
      spool: this.#spool,
      twins: asked.repack === true && before !== undefined
        ? new TwinPacks(before, packing)
        : undefined,
      fetchedBytes: new Set([...(before === undefined ? [] : [before]), ...found]).values()
        .reduce((sum, { image }) => sum + image.fetchedBytes, 0),
    }, step);
  }

  /** Says so where the tag was moved by another since the plan. */
  async #tellMoved({ pointer }: DiskPushPlan, { meter }: Step): Promise<void> {
    if (this.#of.reference.transport !== "docker") return;
    const store = this.#store;
    const now = await store.pointer();
    if (now === pointer) return;
    meter.note(
      `${store.name} moved from ${pointer ?? "nothing"} to ${now ?? "nothing"} meanwhile; ` +
        `it now means what was pushed here`,
      "warning",
    );
  }

  #result({ table }: DiskPushPlan, made: PushIndex | undefined): Standing {
    const { asked, reference } = this.#of;
    const digest = made?.manifestDigest;
    return {
      reference: digest === undefined ? asked.reference : formatReference({ ...reference, digest }),
      ...(digest === undefined ? {} : { digest }),
      sizeBytes: table.size,
      chunker: table.chunker,
    };
  }
}
