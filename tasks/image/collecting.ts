import { checkOptions } from "../../lib/base/check_options.ts";
import { KedgeError, UsageError } from "../../lib/base/errors.ts";
import { collectGarbage, type Garbage } from "../../lib/oci/layout/collect_garbage.ts";
import { foreseeLayout } from "../../lib/oci/layout/foresee_layout.ts";
import { Layout, nameOf } from "../../lib/oci/layout/layout.ts";
import { parseReference } from "../../lib/oci/reference.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { inWords } from "../shared/in_words.ts";
import type { CollectImagesOptions } from "./gc.ts";

/** Does the work of `collectImages`. */
export async function runCollectImages(
  options: CollectImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<Garbage> {
  checkOptions(options, { layout: "text" }, { untag: "texts", graceMs: "milliseconds" });
  return await inWords(`collect "${options.layout}"`, () => collect(options, ctx));
}

async function collect(options: CollectImagesOptions, ctx: TaskContextOptions): Promise<Garbage> {
  const { dryRun, signal, report } = resolveContext(ctx);
  const reference = parseReference(options.layout);
  if (reference.transport !== "oci" || reference.tag !== undefined) {
    throw new UsageError(`Cannot collect "${options.layout}": it is no layout`, {
      hint: "write oci:FOLDER",
    });
  }
  const layout = new Layout(reference.folder);
  if (!await layout.isThere()) {
    throw new KedgeError(
      `Cannot collect "${options.layout}": there is no layout in that folder`,
      { data: { folder: layout.folder } },
    );
  }
  const names = new Set((await layout.entries()).map(nameOf));
  const about = { operation: crypto.randomUUID(), kind: "image", subject: options.layout };
  for (const name of options.untag ?? []) {
    if (!names.has(name)) {
      const message = `"${options.layout}" has no name ${JSON.stringify(name)} to be taken out`;
      report({ ...about, type: "note", level: "warning", message });
    } else if (!dryRun) await layout.drop((entry) => nameOf(entry) === name);
  }
  const { graceMs, untag: without } = options;
  const garbage = await collectGarbage(layout, { graceMs, without, dryRun, signal });
  const index = options.untag?.some((name) => names.has(name)) ?? false;
  if (dryRun) foreseeLayout(layout, { index, blobs: garbage.removed.length > 0 });
  return garbage;
}
