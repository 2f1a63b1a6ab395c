/**
 * Catalogs that a caller made: they are opened, and closed, by who made them.
 *
 * @module
 */
import { checkOptions, refusedOption } from "../../lib/base/check_options.ts";
import type { Meter } from "../../lib/base/meter.ts";
import type { Catalog, CatalogWithHistory } from "../../lib/catalog/catalog.ts";

const methods = ["find", "commit", "list", "history", "point", "forget"] as const;

/** What a catalog is called for. */
export type CatalogMethod = typeof methods[number];

/**
 * Refuses what is neither the URI of a catalog nor a catalog with a name that can do what it is needed for.
 *
 * @param needed what it is called for; what else it lacks is no matter
 * @throws {UsageError} if it is none; the message names the member that is missing
 */
export function checkCatalog(
  catalog: string | Catalog,
  needed: readonly CatalogMethod[],
  name = "catalog",
): void {
  if (typeof catalog === "string") return checkOptions({ [name]: catalog }, { [name]: "text" });
  const must = "a URI or a catalog of your own";
  if (typeof catalog !== "object" || catalog === null || Array.isArray(catalog)) {
    throw refusedOption(name, catalog, must);
  }
  const own: Partial<CatalogWithHistory> = catalog;
  const lacking = needed.find((each) => typeof own[each] !== "function");
  if (lacking !== undefined) throw refusedOption(name, catalog, `${must} with ${lacking}()`);
  const { url } = own;
  if (typeof url === "string" && url !== "") return;
  throw refusedOption(name, catalog, `${must} with a text as its url`);
}

/** What finds an entry by a text that names it: a version is found, the current one is listed. */
export function neededToFind(entry: string): CatalogMethod {
  return entry.includes("@") ? "find" : "list";
}

/** A catalog of the caller's own, whose requests are counted by what it says of itself. */
export function countedCatalog<C extends Catalog>(catalog: C, meter: Meter): C {
  const counted = new Set<PropertyKey>(methods);
  // Not of the catalog itself: of one that is frozen, a proxy must give the very methods that it has.
  return new Proxy<C>({} as C, {
    get: (_target, name) => {
      if (name === Symbol.asyncDispose) return () => Promise.resolve();
      const value: unknown = Reflect.get(catalog, name);
      // One that says nothing of its requests makes none that are known.
      if (name === "requestsEach" && typeof value !== "number") return 0;
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (counted.has(name)) {
          for (let count = 0; count < catalog.requestsEach; count++) meter.request();
        }
        return Reflect.apply(value, catalog, args);
      };
    },
  });
}
