import { checkOptions } from "../../lib/base/check_options.ts";
import { silentMeter } from "../../lib/base/meter.ts";
import { type CatalogEntry, parseEntryId } from "../../lib/catalog/catalog_entry.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { catalogOf, findEntry } from "./entry.ts";
import { checkCatalog, neededToFind } from "./own_catalog.ts";
import type { CatalogListOptions, CatalogShowOptions, CatalogShowResult } from "./catalog.ts";

/** Does the work of `catalogList`. */
export async function runCatalogList(
  options: CatalogListOptions,
  ctx: TaskContextOptions = {},
): Promise<CatalogEntry[]> {
  checkOptions(options, {}, { entry: "text" });
  checkCatalog(options.catalog, ["list"]);
  const context = resolveContext(ctx);
  context.signal.throwIfAborted();
  const filter = options.entry === undefined ? {} : parseEntryId(options.entry);
  const open = await catalogOf(options.catalog, context);
  await using catalog = await open(silentMeter);
  return await catalog.list(filter, { signal: context.signal });
}

/** Does the work of `catalogShow`. */
export async function runCatalogShow(
  options: CatalogShowOptions,
  ctx: TaskContextOptions = {},
): Promise<CatalogShowResult> {
  checkOptions(options, { entry: "text" });
  checkCatalog(options.catalog, [neededToFind(options.entry), "history"]);
  const context = resolveContext(ctx);
  context.signal.throwIfAborted();
  const open = await catalogOf(options.catalog, context);
  await using catalog = await open(silentMeter);
  const entry = await findEntry(catalog, options.entry, context.signal);
  return { entry, history: await catalog.history(entry.name, { signal: context.signal }) };
}
