/**
 * Catalogs that a caller made: they are opened, and closed, by who made them.
 *
 * @module
 */
import { checkOptions, refusedOption } from "../../lib/base/check_options.ts";
import type { Meter } from "../../lib/base/meter.ts";
import type { Catalog, CatalogWithHistory } from "../../lib/catalog/catalog.ts";

const ownMethods = ["find", "commit", "list"] as const;
const historyMethods = ["history", "point", "forget"] as const;

/** What is asked of a catalog: to keep entries, or to move its pointers back and forget entries too. */
export type CatalogUse = "entries" | "history";

/**
 * Refuses what is neither the URI of a catalog nor a catalog that can do what it is needed for.
 *
 * @throws {UsageError} if it is none
 */
export function checkCatalog(catalog: string | Catalog, use: CatalogUse): void {
  if (typeof catalog === "string") return checkOptions({ catalog }, { catalog: "text" });
  const must = "a URI or a catalog of your own";
  const own = Object(catalog) as Partial<CatalogWithHistory>;
  if (ownMethods.some((name) => typeof own[name] !== "function")) {
    throw refusedOption("catalog", catalog, must);
  }
  const lacking = historyMethods.find((name) => typeof own[name] !== "function");
  if (use === "entries" || lacking === undefined) return;
  throw refusedOption("catalog", catalog, `${must} with ${lacking}()`);
}

/** A catalog of the caller's own, whose requests are counted by what it says of itself. */
export function countedCatalog<C extends Catalog>(catalog: C, meter: Meter): C {
  const counted = new Set<PropertyKey>([...ownMethods, ...historyMethods]);
  // Not of the catalog itself: of one that is frozen, a proxy must give the very methods that it has.
  return new Proxy<C>({} as C, {
    get: (_target, name) => {
      if (name === Symbol.asyncDispose) return () => Promise.resolve();
      const value: unknown = Reflect.get(catalog, name);
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
