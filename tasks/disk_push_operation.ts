import { formatBytes } from "../lib/base/bytes.ts";
import { IncompleteError, UsageError } from "../lib/base/errors.ts";
import type { BuiltPack } from "../lib/chunk/build_pack.ts";
import type { Chunker } from "../lib/chunk/chunker.ts";
import { firstRows } from "../lib/chunk/chunk_table.ts";
import { configBlob, type DiskBlob, DiskType, emptyConfig } from "../lib/chunk/disk_manifest.ts";
import { JobPool } from "../lib/chunk/job_pool.ts";
import { inParallel } from "../lib/chunk/write_chunks.ts";
import { formatReference, parseReference } from "../lib/oci/reference.ts";
import type { Figures } from "../lib/operation/figures.ts";
import type { Operation, Step } from "../lib/operation/operation.ts";
import { runOperation } from "../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../lib/runner/context.ts";
import { isDisk, loadDisk, resolveDisk } from "./disk_image.ts";
import { keepDisk, seenNearby } from "./disk_seen.ts";
import { rememberFile } from "./disk_known.ts";
import { tellMoving } from "./disk_moving.ts";
import { checkOnline, concurrencyOf, lockDisk } from "./disk_options.ts";
import { makePushIndex, type PushIndex } from "./disk_push_index.ts";
import {
  choosePushChunker,
  type DiskPushPlan,
  lookAtPushedFile,
  type NewPack,
  planPush,
  type PushBase,
  readPushedFile,
} from "./disk_push_plan.ts";
import { PackSpool } from "./disk_spool.ts";
import { type DiskStore, openDiskStore } from "./disk_store.ts";
import type { PushDiskOptions, PushDiskResult } from "./disk_push.ts";

type Result = Omit<PushDiskResult, keyof Figures>;

interface Moved {
  readonly made: PushIndex;
  readonly packs: readonly { readonly chunks: NewPack["chunks"]; readonly built: BuiltPack }[];
}

/** Does the work of `pushDisk`. */
export async function runPushDisk(
  options: PushDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<PushDiskResult> {
  const context = resolveContext(ctx);
  const reference = parseReference(options.reference);
  const bases = (options.bases ?? []).map(parseReference);
  checkOnline(context, reference, ...bases);
  checkPushOptions(options, reference.digest);
  const concurrency = concurrencyOf(options.concurrency ?? 4);
  const { size } = await lookAtPushedFile(options.file);
  const { cache, signal } = context;

  await using _lock = await lockDisk(context, options.reference);
  using pool = new JobPool({ signal });
  using opened = new DisposableStack();
  const spool = new PackSpool(cache, options.level ?? 3);
  let destination: DiskStore | undefined;
  const result = (made: PushIndex | undefined, plan: DiskPushPlan): Result => ({
    reference: made === undefined
      ? options.reference
      : formatReference({ ...reference, digest: made.manifestDigest }),
    ...(made === undefined ? {} : { digest: made.manifestDigest }),
    sizeBytes: plan.table.size,
    chunker: plan.table.chunker,
  });

  const operation: Operation<DiskPushPlan, Moved, Result> = {
    kind: "disk",
    subject: `${options.file} -> ${options.reference}`,
    async plan(step) {
      const { meter } = step;
      const openStore = (to: typeof reference) =>
        opened.use(openDiskStore(to, "destination", {
          meter,
          signal,
          redactor: context.redactor,
          insecureRegistries: options.insecureRegistries,
        }));
      const store = destination = openStore(reference);
      const current = await store.resolve();
      const found: PushBase[] = [];
      if (current !== undefined && isDisk(current) && options.repack !== true) {
        found.push({ store, image: await loadDisk(store, current, { cache, meter, signal }) });
      }
      for (const base of bases) {
        const from = openStore(base);
        const manifest = await resolveDisk(from);
        found.push({
          store: from,
          image: await loadDisk(from, manifest, { cache, meter, signal }),
        });
      }
      if (found.length === 0 && options.repack !== true) {
        for (const { digest } of await seenNearby(cache, reference)) {
          const from = openStore({ ...reference, digest });
          const manifest = await from.resolve();
          if (manifest === undefined) continue;
          found.push({
            store: from,
            image: await loadDisk(from, manifest, { cache, meter, signal }),
          });
          break;
        }
      }
      const { chunker, why } = await choosePushChunker(options.file, size, {
        chunker: options.chunker ?? "auto",
        chunkBytes: options.chunkBytes,
        like: found[0]?.image.index.chunker,
      });
      const { table, state, read } = await readPushedFile(options.file, chunker, {
        cache,
        pool,
        signal,
        meter,
        paranoid: options.paranoid ?? false,
      });
      return await planPush({
        path: options.file,
        table,
        state,
        remarks: `cut ${describe(chunker)}, ${why}` +
          (read ? "" : "; the file system says that it is as it was, so it was not read"),
        bases: found,
        store,
        pointer: current?.digest,
        hasConfig: found[0]?.store === store || await store.has(configBlob()),
        spool,
        fetchedBytes: found.reduce((sum, { image }) => sum + image.fetchedBytes, 0),
      }, step);
    },
    async move(plan, step) {
      const store = destination!;
      step.meter.reused(plan.bytesToReuse);
      await inParallel(plan.adopted, concurrency, signal, async ({ pack, from }) => {
        if (!await store.adopt(pack, from)) await relay(pack, from, store, step);
      });
      const packs = await movePacks(plan, { options, spool, store, pool, concurrency }, step);
      const made = plan.standing ?? makePushIndex({ ...plan, packs });
      if (!plan.hasConfig) await putBytes(store, configBlob(), emptyConfig, step);
      await putBytes(store, made.indexBlob, made.indexBytes, step);
      return { made, packs };
    },
    async verify(plan, { made, packs }) {
      const store = destination!;
      const fresh: DiskBlob[] = packs.filter((_, at) => !plan.packs[at]!.there).map((
        { built },
      ) => ({
        mediaType: DiskType.pack,
        ...built,
      }));
      for (const blob of [...fresh, made.indexBlob, configBlob()]) {
        if (await store.has(blob)) continue;
        throw new IncompleteError(`Cannot finish "${store.name}": it lacks ${blob.digest}`, {
          side: "destination",
          hint: "run the same command again",
        });
      }
    },
    async commit(plan, { made, packs }, step) {
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
      await store.commit(made.manifest);
      await rememberFile(cache, options.file, plan.table, plan.state);
      for (const { chunks, built } of packs) await spool.release(plan.table, chunks, built);
      await keepDisk(
        cache,
        { ...made, manifest: { digest: made.manifestDigest } },
        options.reference,
      );
      return result(made, plan);
    },
    standing: (plan) => result(plan.standing, plan),
  };
  return await runOperation(operation, context);
}

/** Makes the new packs and puts them, several at a time: while some are sent, others are compressed. */
async function movePacks(
  plan: DiskPushPlan,
  of: {
    options: PushDiskOptions;
    spool: PackSpool;
    store: DiskStore;
    pool: JobPool;
    concurrency: number;
  },
  step: Step,
): Promise<Moved["packs"]> {
  const { spool, store, pool } = of;
  const { table } = plan;
  const rows = firstRows(table);
  const done: BuiltPack[] = [];
  const plainBytes = ({ chunks }: NewPack) =>
    chunks.reduce((sum, chunk) => sum + table.lengths[chunk]!, 0);
  const all = plan.packs.reduce((sum, pack) => sum + plainBytes(pack), 0);
  const moving = tellMoving(step.meter, {
    wire: "sent",
    wireBytes: all,
    file: "packed",
    fileBytes: all,
  });
  moving.reused(plan.bytesToReuse);
  await inParallel(plan.packs.entries(), of.concurrency, step.signal, async ([at, pack]) => {
    let built = pack.built;
    let path = built === undefined || pack.there ? undefined : await spool.file(built);
    if (built === undefined || (!pack.there && path === undefined)) {
      built = await spool.make(of.options.file, table, pack.chunks, { pool, rows });
      path = await spool.file(built);
    }
    done[at] = built;
    moving.file(plainBytes(pack));
    if (pack.there || path === undefined) return;
    const blob = { mediaType: DiskType.pack, digest: built.digest, size: built.size };
    using progress = step.meter.object(blob.digest, blob.size);
    await store.put(blob, path, progress);
    moving.wire(blob.size);
    step.record(blob.digest, "arrived", { sizeBytes: blob.size });
  });
  if (plan.packs.length > 0) moving.end();
  return plan.packs.map(({ chunks }, at) => ({ chunks, built: done[at]! }));
}

async function putBytes(
  store: DiskStore,
  blob: DiskBlob,
  bytes: Uint8Array,
  step: Step,
): Promise<void> {
  using progress = step.meter.object(blob.digest, blob.size);
  await store.put(blob, bytes, progress);
}

/** Brings a pack of a base through this machine, where it cannot be mounted. */
async function relay(pack: DiskBlob, from: DiskStore, to: DiskStore, step: Step): Promise<void> {
  using progress = step.meter.object(pack.digest, pack.size);
  await to.putStream(pack, () => from.stream(pack, step.signal), progress);
}

function checkPushOptions(options: PushDiskOptions, digest: string | undefined): void {
  if (digest !== undefined) {
    throw new UsageError(`Cannot push to "${options.reference}": it names a digest`, {
      hint: "name a tag; the digest comes out of the push",
    });
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
