import { checkOptions } from "../../lib/base/check_options.ts";
import { dataBytes, holeRow } from "../../lib/chunk/chunk_table.ts";
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

/** Does the work of `inspectDisk`. */
export async function runInspectDisk(
  options: InspectDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<InspectDiskResult> {
  checkOptions(options, { reference: "text" }, registriesShapes);
  const context = resolveContext(ctx);
  return await look(context, options, [options.reference], ([image]) => shapeOf(image!));
}

/** Does the work of `diffDisks`. */
export async function runDiffDisks(
  options: DiffDisksOptions,
  ctx: TaskContextOptions = {},
): Promise<DiffDisksResult> {
  checkOptions(options, { from: "text", to: "text" }, registriesShapes);
  const context = resolveContext(ctx);
  return await look(context, options, [options.from, options.to], ([from, to]) => ({
    sameChunker: sameChunker(from!.index.chunker, to!.index.chunker),
    ...diffTables(from!.index, to!.index),
  }));
}

async function look<R extends object>(
  context: TaskContext,
  options: ImageRegistriesOptions,
  names: readonly string[],
  tell: (images: readonly DiskImage[]) => R,
): Promise<R & Figures> {
  const references = names.map(parseReference);
  checkOnline(context, ...references);
  const rules = await registryRules(options, context.signal);
  const { cache, signal } = context;
  return await runOperation<Plan & { result: R }, void, R>({
    kind: "disk",
    subject: names.join(" and "),
    async plan(step: Step) {
      const images: DiskImage[] = [];
      const { meter } = step;
      for (const reference of references) {
        using store = await openDiskSource(reference, {
          meter,
          signal,
          redactor: context.redactor,
          insecureRegistries: options.insecureRegistries,
          rules,
        });
        images.push(await loadDisk(store, await resolveDisk(store), { cache, meter, signal }));
      }
      return {
        changed: false,
        bytesToMove: images.reduce((sum, image) => sum + image.fetchedBytes, 0),
        bytesToReuse: 0,
        exact: true,
        requests: 0,
        why: "only manifests and indexes were read",
        objects: [],
        result: tell(images),
      };
    },
    move: () => Promise.resolve(),
    verify: () => Promise.resolve(),
    commit: (plan) => Promise.resolve(plan.result),
    standing: (plan) => plan.result,
  }, context);
}

function shapeOf({ manifest, index, indexBytes }: DiskImage): DiskShape {
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
    indexBytes: indexBytes.length,
  };
}
