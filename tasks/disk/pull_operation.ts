import { checkOptions } from "../../lib/base/check_options.ts";
import { UsageError } from "../../lib/base/errors.ts";
import { ifThere } from "../../lib/base/files.ts";
import { JobPool } from "../../lib/chunk/job_pool.ts";
import { isSoonDone } from "../../lib/chunk/soon_done.ts";
import { pulledElsewhere } from "../../lib/disk/busy.ts";
import { lookAtDiskFile } from "../../lib/disk/disk_file.ts";
import { refuseUsed } from "../../lib/disk/file_users.ts";
import { ProofAhead } from "../../lib/disk/proof_ahead.ts";
import type { PulledDisk, PullWork } from "../../lib/disk/pull_work.ts";
import { parseReference } from "../../lib/oci/reference.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { inWords } from "../shared/in_words.ts";
import { registriesShapes, registryRules } from "../shared/registry_rules.ts";
import { checkOnline, concurrencyOf, lockDisk, refuseOwnLayout } from "./options.ts";
import type { PullDiskOptions, PullDiskResult } from "./disk.ts";

export { collectingAfter } from "../shared/collecting_after.ts";

const busyHint = "what is mounted or run from stays where it is; pull into it with --in-place";

/** Does the work of `pullDisk`. What can be done before the registry answers is begun before the code that asks it is loaded. */
export async function runPullDisk(
  options: PullDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<PullDiskResult> {
  checkOptions(options, { reference: "text", file: "text" }, {
    bases: "texts",
    inPlace: "switch",
    ...registriesShapes,
    concurrency: "number",
  });
  const action = `pull "${options.reference}" to "${options.file}"`;
  return await inWords(action, () => pull(options, ctx), { EBUSY: busyHint });
}

async function pull(options: PullDiskOptions, ctx: TaskContextOptions): Promise<PullDiskResult> {
  const context = resolveContext(ctx);
  const reference = parseReference(options.reference);
  checkOnline(context, reference);
  const concurrency = concurrencyOf(options.concurrency);
  const { path } = await lookAtDiskFile(options.file);
  await refuseOwnLayout(reference, path);
  const rules = await registryRules(options, context.signal);
  const bases = await Promise.all((options.bases ?? []).map(basePath));
  const inPlace = options.inPlace ?? false;
  const { cache, signal } = context;

  using starting = new DisposableStack();
  const pool = starting.use(new JobPool({ signal }));
  pool.start(1);
  // It takes a while; what is done meanwhile writes nothing to the file.
  const unused = inPlace ? refuseUsed(path) : Promise.resolve();
  unused.catch(() => {}); // It is waited for below.
  await using _lock = await lockDisk(context, path, pulledElsewhere(path));
  using _pool = starting.move();
  // The file that is looked at now is the one that is written: whatever is read of it is read later.
  const file = await lookAtDiskFile(options.file);
  const ahead = inPlace && !context.dryRun
    ? await ProofAhead.begin(file.path, { cache, pool, signal })
    : undefined;
  const { anyPull, openDiskSource } = await import("./pulling.ts");
  await unused;
  using held = new DisposableStack();
  const operation: Operation<PullWork, void, PulledDisk> = {
    kind: "disk",
    subject: `${options.reference} -> ${options.file}`,
    async plan(step: Step) {
      const store = held.use(
        await openDiskSource(reference, {
          meter: step.meter,
          signal: step.signal,
          redactor: context.redactor,
          insecureRegistries: options.insecureRegistries,
          rules,
        }),
      );
      const planned = anyPull({
        store,
        file,
        given: options.file,
        inPlace,
        bases,
        concurrency,
        cache,
        pool,
        ahead,
        held,
      }, step);
      // The registry answers meanwhile; how large another disk is, its manifest tells.
      if (!isSoonDone(file.info?.size ?? 0)) pool.start();
      const work = await planned;
      if (step.dryRun && work.changed) await work.foresee();
      return work;
    },
    move: (work, step) => work.move(step),
    verify: (work, _moved, step) => work.verify(step),
    commit: (work, _moved, step) => work.commit(step),
    standing: (work) => work.result,
  };
  return await runOperation(operation, context);
}

/** Where a base that was named lies. */
async function basePath(given: string): Promise<string> {
  if ((await ifThere(Deno.stat(given)))?.isFile === true) return await Deno.realPath(given);
  throw new UsageError(`Cannot use the base "${given}": it is not a file`);
}
