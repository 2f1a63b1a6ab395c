import { JobPool } from "../lib/chunk/job_pool.ts";
import { chunkPull } from "../lib/disk/chunk_pull.ts";
import { lookAtDiskFile } from "../lib/disk/disk_file.ts";
import { resolveDisk } from "../lib/disk/disk_image.ts";
import type { DiskStore } from "../lib/disk/disk_store.ts";
import { refuseUsed } from "../lib/disk/file_users.ts";
import { openDiskStore } from "../lib/disk/open_disk_store.ts";
import type { PulledDisk, PullWork } from "../lib/disk/pull_work.ts";
import { isTart } from "../lib/disk/tart_disk.ts";
import { tartPull } from "../lib/disk/tart_pull.ts";
import { parseReference } from "../lib/oci/reference.ts";
import type { Operation, Step } from "../lib/operation/operation.ts";
import { runOperation } from "../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../lib/runner/context.ts";
import { checkOnline, concurrencyOf, lockDisk } from "./disk_options.ts";
import type { PullDiskOptions, PullDiskResult } from "./disk.ts";

/** Does the work of `pullDisk`. */
export async function runPullDisk(
  options: PullDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<PullDiskResult> {
  const context = resolveContext(ctx);
  const reference = parseReference(options.reference);
  checkOnline(context, reference);
  const concurrency = concurrencyOf(options.concurrency);
  const { path } = await lookAtDiskFile(options.file);
  if (options.inPlace === true) await refuseUsed(path);
  const { cache } = context;

  await using _lock = await lockDisk(context, path);
  using pool = new JobPool({ signal: context.signal });
  let opened: DiskStore | undefined;
  const operation: Operation<PullWork, void, PulledDisk> = {
    kind: "disk",
    subject: `${options.reference} -> ${options.file}`,
    async plan(step: Step) {
      const store = opened = openDiskStore(reference, "source", {
        meter: step.meter,
        signal: step.signal,
        redactor: context.redactor,
        insecureRegistries: options.insecureRegistries,
      });
      const manifest = await resolveDisk(store);
      const pull = isTart(manifest) ? tartPull : chunkPull;
      return await pull({
        store,
        manifest,
        file: await lookAtDiskFile(options.file),
        given: options.file,
        inPlace: options.inPlace ?? false,
        bases: options.bases ?? [],
        concurrency,
        cache,
        pool,
      }, step);
    },
    move: (work, step) => work.move(step),
    verify: (work, _moved, step) => work.verify(step),
    commit: (work, _moved, step) => work.commit(step),
    standing: (work) => work.result,
  };
  try {
    return await runOperation(operation, context);
  } finally {
    opened?.[Symbol.dispose]();
  }
}
