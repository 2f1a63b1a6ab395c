import { checkOptions } from "../../lib/base/check_options.ts";
import { sameChunker } from "../../lib/chunk/chunker.ts";
import { takeDiff, takeKnown } from "../../lib/chunk/diff_indexes.ts";
import { takeFigures } from "../../lib/chunk/index_figures.ts";
import { type DiskRead, readDisk, resolveDisk } from "../../lib/disk/disk_image.ts";
import { openDiskSource } from "../../lib/disk/open_disk_store.ts";
import type { TakeIndex } from "../../lib/disk/read_pieces.ts";
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
  InspectDiskOptions,
  InspectDiskResult,
} from "./inspect.ts";
import { checkOnline } from "./options.ts";

/** Reads a disk, of which only what `take` makes of its index is kept. */
type Read = <T>(name: string, take: TakeIndex<T>) => Promise<DiskRead<T>>;

/** Does the work of `inspectDisk`. */
export async function runInspectDisk(
  options: InspectDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<InspectDiskResult> {
  checkOptions(options, { reference: "text" }, registriesShapes);
  const context = resolveContext(ctx);
  return await look(context, options, [options.reference], async (read) => {
    const { index, manifest, indexBlob } = await read(options.reference, takeFigures);
    const { size, ...figures } = index;
    return {
      digest: manifest.digest,
      sizeBytes: size,
      ...figures,
      wasteBytes: index.packBytes - index.storedBytes,
      indexBytes: indexBlob.size,
    };
  });
}

/** Does the work of `diffDisks`. */
export async function runDiffDisks(
  options: DiffDisksOptions,
  ctx: TaskContextOptions = {},
): Promise<DiffDisksResult> {
  checkOptions(options, { from: "text", to: "text" }, registriesShapes);
  const context = resolveContext(ctx);
  return await look(context, options, [options.from, options.to], async (read) => {
    const from = (await read(options.from, takeKnown)).index;
    using _ = from.starts;
    const { chunker, ...diff } = (await read(options.to, takeDiff(from))).index;
    return { sameChunker: sameChunker(from.chunker, chunker), ...diff };
  });
}

/** What `tell` says of disks that it reads. */
async function look<R extends object>(
  context: TaskContext,
  options: ImageRegistriesOptions,
  names: readonly string[],
  tell: (read: Read) => Promise<R>,
): Promise<R & Figures> {
  checkOnline(context, ...names.map(parseReference));
  const rules = await registryRules(options, context.signal);
  const { cache, signal } = context;
  return await runOperation<Plan & { result: R }, void, R>({
    kind: "disk",
    subject: names.join(" and "),
    async plan({ meter }: Step) {
      let bytesToMove = 0;
      const result = await tell(async (name, take) => {
        using store = await openDiskSource(parseReference(name), {
          meter,
          signal,
          redactor: context.redactor,
          insecureRegistries: options.insecureRegistries,
          rules,
        });
        const of = { cache, meter, signal };
        const disk = await readDisk(store, await resolveDisk(store), of, take);
        bytesToMove += disk.fetchedBytes;
        return disk;
      });
      return {
        changed: false,
        bytesToMove,
        bytesToReuse: 0,
        exact: true,
        requests: 0,
        why: "only manifests and indexes were read",
        objects: [],
        result,
      };
    },
    move: () => Promise.resolve(),
    verify: () => Promise.resolve(),
    commit: (plan) => Promise.resolve(plan.result),
    standing: (plan) => plan.result,
  }, context);
}
