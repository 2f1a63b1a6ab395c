import { checkOptions } from "../../lib/base/check_options.ts";
import { counted } from "../../lib/base/counted.ts";
import { KedgeError, UsageError } from "../../lib/base/errors.ts";
import { collectGarbage, type Garbage } from "../../lib/oci/layout/collect_garbage.ts";
import { foreseeLayout } from "../../lib/oci/layout/foresee_layout.ts";
import { Layout, nameOf } from "../../lib/oci/layout/layout.ts";
import { parseReference } from "../../lib/oci/reference.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { inWords } from "../shared/in_words.ts";
import type { CollectImagesOptions, CollectImagesResult } from "./gc.ts";

/** Does the work of `collectImages`. */
export async function runCollectImages(
  options: CollectImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<CollectImagesResult> {
  checkOptions(options, { layout: "text" }, { untag: "texts", graceMs: "milliseconds" });
  return await inWords(`collect "${options.layout}"`, () => collect(options, ctx));
}

async function collect(
  options: CollectImagesOptions,
  ctx: TaskContextOptions,
): Promise<CollectImagesResult> {
  const { dryRun, signal, report } = resolveContext(ctx);
  const reference = parseReference(options.layout);
  if (reference.transport !== "oci" || reference.tag !== undefined) {
    throw new UsageError(`Cannot collect "${options.layout}": it is not a layout`, {
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
  const untagged: string[] = [];
  for (const name of new Set(options.untag)) {
    if (names.has(name)) untagged.push(name);
    if (!names.has(name)) {
      const message = `"${options.layout}" has no name ${JSON.stringify(name)} to be taken out`;
      report({ ...about, type: "note", level: "warning", message });
    } else if (!dryRun) await layout.drop((entry) => nameOf(entry) === name);
  }
  const { graceMs, untag: without } = options;
  const garbage = await collectGarbage(layout, { graceMs, without, dryRun, signal });
  const { removed, bytesFreed } = garbage;
  const index = untagged.length > 0;
  if (dryRun) foreseeLayout(layout, { index, blobs: removed.length > 0 });
  const changed = index || removed.length > 0 || bytesFreed > 0;
  return { ...garbage, changed, untagged, why: whyOf(garbage, untagged), dryRun };
}

function whyOf({ removed, bytesFreed, kept }: Garbage, untagged: readonly string[]): string {
  const found = removed.length > 0
    ? `no name leads to ${counted(removed.length, "blob")}`
    : bytesFreed > 0
    ? "work that was given up lay there"
    : `names lead to ${
      kept === 0 ? "all" : `all ${counted(kept, "blob")}`
    } there, or what they do not lead to is young`;
  return untagged.length === 0 ? found : `without ${counted(untagged.length, "name")}, ${found}`;
}
