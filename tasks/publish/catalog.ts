import type { Catalog, CatalogWithHistory, HistoryLine } from "../../lib/catalog/catalog.ts";
import type { CatalogEntry } from "../../lib/catalog/catalog_entry.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";

/** Options of {@linkcode catalogList}. */
export interface CatalogListOptions {
  /** The catalog: its URI, or one of your own. */
  catalog: string | Catalog;
  /** Only of this package, `NAME`, `NAME@VERSION` or `NAME@VERSION/SYSTEM`. @default {all} */
  entry?: string | undefined;
}

/**
 * Lists the entries of a catalog, newest first.
 *
 * @throws {UsageError} if the URI is not that of a catalog, `entry` is not a valid name, or the context is offline and the catalog is remote
 * @throws {UnreachableError} if the catalog cannot be reached
 *
 * @example
 * ```ts
 * import { catalogList } from "@kedge/kedge";
 *
 * export async function versions(name: string): Promise<string[]> {
 *   const entries = await catalogList({ catalog: "https://catalog.acme.dev", entry: name });
 *   return entries.map(({ version, current }) => current ? `${version} (current)` : version);
 * }
 * ```
 */
export async function catalogList(
  options: CatalogListOptions,
  ctx: TaskContextOptions = {},
): Promise<CatalogEntry[]> {
  const { runCatalogList } = await import("./catalog_reading.ts");
  return await runCatalogList(options, ctx);
}

/** Options of {@linkcode catalogShow}. */
export interface CatalogShowOptions {
  /** The catalog: its URI, or one of your own that has a history. */
  catalog: string | CatalogWithHistory;
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
 * Shows one entry of a catalog with its closure, its proofs and the history of its package.
 *
 * @throws {UsageError} if there is no such entry
 *
 * @example
 * ```ts
 * import { catalogShow, publish } from "@kedge/kedge";
 *
 * const dir = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${dir}/hello.txt`, "hello");
 * const catalog = `sqlite://${dir}/catalog.db`;
 * const hello = { name: "hello", paths: [`${dir}/hello.txt`], stores: [`file://${dir}/cache`], catalog };
 * await publish({ ...hello, version: "1.0.0" });
 * const { entry, history } = await catalogShow({ catalog, entry: "hello" });
 * console.log(entry.storePaths, history.length);
 * ```
 */
export async function catalogShow(
  options: CatalogShowOptions,
  ctx: TaskContextOptions = {},
): Promise<CatalogShowResult> {
  const { runCatalogShow } = await import("./catalog_reading.ts");
  return await runCatalogShow(options, ctx);
}
