import { formatBytes } from "../../lib/base/bytes.ts";
import { checkOptions } from "../../lib/base/check_options.ts";
import type { Digest } from "../../lib/base/digest.ts";
import { UsageError, VerificationError } from "../../lib/base/errors.ts";
import type { Chunker } from "../../lib/chunk/chunker.ts";
import { firstRows } from "../../lib/chunk/chunk_table.ts";
import { configBlob } from "../../lib/chunk/disk_manifest.ts";
import { JobPool } from "../../lib/chunk/job_pool.ts";
import { keepsMuch, mostWorkers } from "../../lib/chunk/most_workers.ts";
import { packWorkers } from "../../lib/chunk/pack_workers.ts";
import { pushedElsewhere } from "../../lib/disk/busy.ts";
import { isDisk, loadDisk, resolveDisk } from "../../lib/disk/disk_image.ts";
import type { DiskSource, DiskStore } from "../../lib/disk/disk_store.ts";
import { keepTable, rememberFile } from "../../lib/disk/known_files.ts";
import { commitPush, type MovedPush, movePush, verifyPush } from "../../lib/disk/move_push.ts";
import { nearbyBase } from "../../lib/disk/nearby_base.ts";
import {
  type OpenDiskOptions,
  openDiskSource,
  openDiskStore,
} from "../../lib/disk/open_disk_store.ts";
import { PackSpool } from "../../lib/disk/pack_spool.ts";
import { type DiskPushPlan, planPush } from "../../lib/disk/plan_push.ts";
import type { PushIndex } from "../../lib/disk/push_index.ts";
import {
  choosePushChunker,
  contentOf,
  lookAtPushedFile,
  readPushedFile,
} from "../../lib/disk/pushed_file.ts";
import { checkPushRoom } from "../../lib/disk/room_for_push.ts";
import { keepDisk } from "../../lib/disk/seen_disks.ts";
import { TwinPacks } from "../../lib/disk/twin_packs.ts";
import type { PushBase } from "../../lib/disk/usable_packs.ts";
import { whereRoom } from "../../lib/disk/where_room.ts";
import type { Manifest } from "../../lib/oci/manifest.ts";
import { formatReference, parseReference } from "../../lib/oci/reference.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { Operation } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { inWords } from "../shared/in_words.ts";
import { registriesShapes, registryRules } from "../shared/registry_rules.ts";
import { checkOnline, concurrencyOf, lockDisk } from "./options.ts";
import type { PushDiskOptions, PushDiskResult } from "./disk.ts";

export { collectingAfter } from "../shared/collecting_after.ts";

type Result = Omit<PushDiskResult, keyof Figures>;

/** Does the work of `pushDisk`. */
export async function runPushDisk(
  options: PushDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<PushDiskResult> {
  checkOptions(options, { reference: "text", file: "text" }, {
    chunker: "text",
    chunkBytes: "number",
    bases: "texts",
    repack: "switch",
    paranoid: "switch",
    level: "number",
    ...registriesShapes,
    concurrency: "number",
  });
  const action = `push "${options.file}" to "${options.reference}"`;
  return await inWords(action, () => push(options, ctx));
}

async function push(options: PushDiskOptions, ctx: TaskContextOptions): Promise<PushDiskResult> {
  const context = resolveContext(ctx);
  const reference = parseReference(options.reference);
  const bases = (options.bases ?? []).map(parseReference);
  checkOnline(context, reference, ...bases);
  checkPushOptions(options, reference.digest);
  const concurrency = concurrencyOf(options.concurrency ?? 4);
  const rules = await registryRules(options, context.signal);
  const { size } = await lookAtPushedFile(options.file);
  const { cache, signal } = context;
  const { paranoid = false, chunker: asked = "auto", level = 3, repack } = options;

  const busy = pushedElsewhere(options.reference);
  await using _lock = await lockDisk(context, options.reference, busy);
  using pool = new JobPool({ signal, sizeBytes: size, level });
  using opened = new DisposableStack();
  await using spool = new PackSpool(cache, level);
  let destination: DiskStore | undefined;
  const result = (made: PushIndex | undefined, plan: DiskPushPlan): Result => ({
    reference: made === undefined
      ? options.reference
      : formatReference({ ...reference, digest: made.manifestDigest }),
    ...(made === undefined ? {} : { digest: made.manifestDigest }),
    sizeBytes: plan.table.size,
    chunker: plan.table.chunker,
  });

  const operation: Operation<DiskPushPlan, MovedPush, Result> = {
    kind: "disk",
    subject: `${options.file} -> ${options.reference}`,
    async plan(step) {
      const { meter } = step;
      const opening: OpenDiskOptions = {
        meter,
        signal,
        redactor: context.redactor,
        insecureRegistries: options.insecureRegistries,
        rules,
        memory: context.journal,
      };
      const openStore = (to: typeof reference) => opened.use(openDiskStore(to, opening));
      const store = destination = openStore(reference);
      const current = await store.resolve();
      const found: PushBase[] = [];
      const load = async (from: DiskSource, of: Manifest | Promise<Manifest | undefined>) => {
        try {
          const manifest = await of;
          if (manifest === undefined) return [];
          return [{ store: from, image: await loadDisk(from, manifest, { cache, meter, signal }) }];
        } catch (error) {
          if (!(error instanceof VerificationError)) throw error;
          meter.note(`${error.message}; nothing of it is named again`, "warning");
          return [];
        }
      };
      const before = current !== undefined && isDisk(current) ? await load(store, current) : [];
      if (repack !== true) found.push(...before);
      for (const base of bases) {
        const from = opened.use(await openDiskSource(base, opening));
        const manifest = await resolveDisk(from);
        found.push({
          store: from,
          image: await loadDisk(from, manifest, { cache, meter, signal }),
        });
      }
      if (found.length === 0 && repack !== true) {
        const wanted = asked === "auto"
          ? await contentOf(options.file, size)
          : { chunker: asked, known: true };
        const nearby = (digest: Digest) => {
          const from = openStore({ ...reference, digest });
          return load(from, from.resolve());
        };
        const of = { cache, reference, current: current?.digest, wanted };
        found.push(...await nearbyBase({ ...of, load: nearby }));
      }
      const { chunker, why } = await choosePushChunker(options.file, size, {
        chunker: asked,
        chunkBytes: options.chunkBytes,
        like: found[0]?.image.index.chunker,
      });
      pool.narrow(mostWorkers(chunker));
      const { table, state, read } = await readPushedFile(options.file, chunker, {
        cache,
        pool,
        signal,
        meter,
        paranoid,
      });
      // What is on this machine is looked at in any case.
      const looks = paranoid || store.requestsPerRead === 0;
      const packing = packWorkers(chunker, level);
      if (read && (keepsMuch(chunker) || 2 * packing < pool.width)) pool.rest();
      pool.narrow(packing);
      const of = { path: options.file, table, pool, level, rows: firstRows(table) };
      const plan = await planPush({
        path: options.file,
        table,
        state,
        remarks: `cut ${describe(chunker)}, ${why}` +
          (read
            ? ""
            : "; it was not read to know that, since the file system says that it is as it was"),
        bases: found,
        store,
        pointer: current?.digest,
        asks: paranoid,
        hasConfig: found[0]?.store === store && !looks || await store.has(configBlob()),
        hasIndex: !looks || before[0] === undefined || await store.has(before[0].image.indexBlob),
        spool,
        twins: repack === true && before[0] !== undefined
          ? new TwinPacks(before[0], of)
          : undefined,
        fetchedBytes: new Set([...before, ...found]).values()
          .reduce((sum, { image }) => sum + image.fetchedBytes, 0),
      }, step);
      if (step.dryRun && plan.changed) store.foresee();
      if (plan.changed) await checkPushRoom(plan, { store, cacheDir: cache.dir, meter });
      return plan;
    },
    async move(plan, step) {
      const to = { path: options.file, spool, store: destination!, pool, concurrency };
      return await movePush(plan, to, step);
    },
    verify: (plan, moved) => verifyPush(plan, moved, destination!),
    async commit(plan, moved, step) {
      const { made, packs } = moved;
      const store = destination!;
      const now = reference.transport === "docker" ? await store.pointer() : plan.pointer;
      if (now !== plan.pointer) {
        step.meter.note(
          `${store.name} moved from ${plan.pointer ?? "nothing"} to ${
            now ?? "nothing"
          } meanwhile; ` +
            `it now means what was pushed here`,
          "warning",
        );
      }
      await commitPush(moved, store);
      for (const { chunks, built } of packs) await spool.release(plan.table, chunks, built);
      await whereRoom(cache, step.meter, async () => {
        await rememberFile(cache, options.file, await keepTable(cache, plan.table), plan.state);
        const manifest = { digest: made.manifestDigest };
        await keepDisk(cache, { ...made, manifest }, options.reference);
      });
      return result(made, plan);
    },
    standing: (plan) => result(plan.standing, plan),
  };
  return await runOperation(operation, context);
}

function checkPushOptions(options: PushDiskOptions, digest: string | undefined): void {
  if (digest !== undefined) {
    throw new UsageError(`Cannot push to "${options.reference}": it names a digest`, {
      hint: "name a tag; the digest comes out of the push",
    });
  }
  if (options.repack === true && (options.bases ?? []).length > 0) {
    throw new UsageError(
      `Cannot push to "${options.reference}": it is to be packed afresh, and to name packs of ` +
        `another disk, which may be waste in part`,
      { hint: "leave out --repack or --base" },
    );
  }
  const { level = 3 } = options;
  if (!Number.isInteger(level) || level < 1 || level > 19) {
    throw new UsageError(`Cannot compress with level ${level}: it must be 1 to 19`);
  }
  if (!["auto", "fixed", "cdc"].includes(options.chunker ?? "auto")) {
    throw new UsageError(
      `Cannot cut with the chunker ${JSON.stringify(options.chunker)}: it is auto, fixed or cdc`,
    );
  }
}

function describe({ kind, minBytes, avgBytes, maxBytes }: Chunker): string {
  return kind === "fixed"
    ? `in blocks of ${formatBytes(avgBytes)}`
    : `by content into ${formatBytes(minBytes)} to ${formatBytes(maxBytes)}`;
}
