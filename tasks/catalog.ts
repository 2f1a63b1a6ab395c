import type { HistoryLine } from "../lib/catalog/catalog.ts";
import type { CatalogEntry } from "../lib/catalog/catalog_entry.ts";
import type { TaskContextOptions } from "../lib/runner/context.ts";

/** Options of {@linkcode catalogList}. */
export interface CatalogListOptions {
  /** The catalog. */
  catalog: string;
  /** Only of this package, `NAME`, `NAME@VERSION` or `NAME@VERSION/SYSTEM`. @default {all} */
  entry?: string | undefined;
}

/** The entries of a catalog, newest first. */
export async function catalogList(
  options: CatalogListOptions,
  ctx: TaskContextOptions = {},
): Promise<CatalogEntry[]> {
  const { runCatalogList } = await import("./catalog_reading.ts");
  return await runCatalogList(options, ctx);
}

/** Options of {@linkcode catalogShow}. */
export interface CatalogShowOptions {
  /** The catalog. */
  catalog: string;
  /** `NAME` (its current version), `NAME@VERSION` or `NAME@VERSION/SYSTEM`. */
  entry: string;
}

/** An entry with all that is known of it. */
export interface CatalogShowResult {
  /** The entry, with its closure and its proofs. */
  entry: CatalogEntry;
  /** The moves of the package's pointers, newest first. */
  history: readonly HistoryLine[];
}

/**
 * One entry, its proofs and the history of its package.
 *
 * @throws {UsageError} if there is no such entry
 */
export async function catalogShow(
  options: CatalogShowOptions,
  ctx: TaskContextOptions = {},
): Promise<CatalogShowResult> {
  const { runCatalogShow } = await import("./catalog_reading.ts");
  return await runCatalogShow(options, ctx);
}
