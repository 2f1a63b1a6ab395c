import { checkOptions } from "../../lib/base/check_options.ts";
import { freeMemory } from "../../lib/base/free_memory.ts";
import { dataBytes, type DiskIndex, holeRow } from "../../lib/chunk/chunk_table.ts";
import { sameChunker } from "../../lib/chunk/chunker.ts";
import { diffTables } from "../../lib/chunk/diff_tables.ts";
import { type DiskImage, loadDisk, resolveDisk } from "../../lib/disk/disk_image.ts";
import { openDiskSource } from "../../lib/disk/open_disk_store.ts";
import { parseReference } from "../../lib/oci/reference.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Step } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../../lib/runner/context.ts";
import type { ImageRegistriesOptions } from "../shared/registry_rules.ts";
import { registriesShapes, registryRules } from "../shared/registry_rules.ts";
import type {
  DiffDisksOptions,
  DiffDisksResult,
  DiskShape,
  InspectDiskOptions,
  InspectDiskResult,
} from "./inspect.ts";
import { checkOnline } from "./options.ts";

type ComparedColumns = Pick<DiskIndex, "chunker" | "digests" | "lengths" | "stored">;

/** Does the work of `inspectDisk`. */
export async function runInspectDisk(
  options: InspectDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<InspectDiskResult> {
  checkOptions(options, { reference: "text" }, registriesShapes);
  const context = resolveContext(ctx);
  return await look(context, options, [options.reference], shapeOf, ([shape]) => shape!);
}

/** Does the work of `diffDisks`. */
export async function runDiffDisks(
  options: DiffDisksOptions,
  ctx: TaskContextOptions = {},
): Promise<DiffDisksResult> {
  checkOptions(options, { from: "text", to: "text" }, registriesShapes);
  const context = resolveContext(ctx);
  return await look(
    context,
    options,
    [options.from, options.to],
    comparedColumns,
    ([from, to]) => ({
      sameChunker: sameChunker(from!.chunker, to!.chunker),
      ...diffTables(from!, to!),
    }),
  );
}

/** Reads disks one after the other; of each stays only what `take` gives. */
async function look<T, R extends object>(
  context: TaskContext,
  options: ImageRegistriesOptions,
  names: readonly string[],
  take: (image: DiskImage) => T,
  tell: (taken: readonly T[]) => R,
): Promise<R & Figures> {
  const references = names.map(parseReference);
  checkOnline(context, ...references);
  const rules = await registryRules(options, context.signal);
  const { cache, signal } = context;
  return await runOperation<Plan & { result: R }, void, R>({
    kind: "disk",
    subject: names.join(" and "),
    async plan(step: Step) {
      const taken: T[] = [];
      let bytesToMove = 0;
      const { meter } = step;
      for (const reference of references) {
        using store = await openDiskSource(reference, {
          meter,
          signal,
          redactor: context.redactor,
          insecureRegistries: options.insecureRegistries,
          rules,
        });
        const image = await loadDisk(store, await resolveDisk(store), { cache, meter, signal });
        bytesToMove += image.fetchedBytes;
        taken.push(take(image));
      }
      return {
        changed: false,
        bytesToMove,
        bytesToReuse: 0,
        exact: true,
        requests: 0,
        why: "only manifests and indexes were read",
        objects: [],
        result: tell(taken),
      };
    },
    move: () => Promise.resolve(),
    verify: () => Promise.resolve(),
    commit: (plan) => Promise.resolve(plan.result),
    standing: (plan) => plan.result,
  }, context);
}

/** What comparing a disk needs of it; the memory of the other columns is given back. */
function comparedColumns({ index }: DiskImage): ComparedColumns {
  const { chunker, digests, lengths, stored } = index;
  for (const column of [index.rows, index.rowOffsets, index.packs, index.offsets]) {
    freeMemory(column);
  }
  return { chunker, digests, lengths, stored };
}

function shapeOf({ manifest, index, indexBlob }: DiskImage): DiskShape {
  const total = (column: Uint32Array) => column.reduce((sum, value) => sum + value, 0);
  const storedBytes = total(index.stored);
  const packBytes = total(index.packSizes);
  return {
    digest: manifest.digest,
    sizeBytes: index.size,
    dataBytes: dataBytes(index),
    chunker: index.chunker,
    chunks: index.lengths.length,
    chunkBytes: total(index.lengths),
    storedBytes,
    holes: index.rows.reduce((count, row) => row === holeRow ? count + 1 : count, 0),
    packs: index.packSizes.length,
    packBytes,
    wasteBytes: packBytes - storedBytes,
    indexBytes: indexBlob.size,
  };
}
