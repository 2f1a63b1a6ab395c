import { checkOptions } from "../../lib/base/check_options.ts";
import { UsageError } from "../../lib/base/errors.ts";
import { pushedElsewhere } from "../../lib/disk/busy.ts";
import { lookAtPushedFile } from "../../lib/disk/pushed_file.ts";
import { parseReference } from "../../lib/oci/reference.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { inWords } from "../shared/in_words.ts";
import { registriesShapes, registryRules } from "../shared/registry_rules.ts";
import { DiskPush } from "./disk_push.ts";
import { checkOnline, concurrencyOf, lockDisk } from "./options.ts";
import type { PushDiskOptions, PushDiskResult } from "./disk.ts";

export { collectingAfter } from "../shared/collecting_after.ts";

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
  const { size: sizeBytes } = await lookAtPushedFile(options.file);
  const busy = pushedElsewhere(options.reference);
  await using _lock = await lockDisk(context, options.reference, busy);
  await using operation = new DiskPush({
    asked: options,
    reference,
    bases,
    sizeBytes,
    concurrency,
    rules,
    context,
  });
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
