/**
 * The catalogs of a prune: the one that forgets, and the others that publish to the same stores.
 *
 * Invariant: nothing goes from a store to which a catalog publishes that was not named, or of which nobody can say what it needs.
 *
 * @module
 */
import { UsageError } from "../../lib/base/errors.ts";
import type { Meter } from "../../lib/base/meter.ts";
import type { Catalog, CatalogOptions, CatalogWithHistory } from "../../lib/catalog/catalog.ts";
import type { CatalogEntry } from "../../lib/catalog/catalog_entry.ts";
import { catalogIdentity } from "../../lib/catalog/catalog_identity.ts";
import { parseStorePath } from "../../lib/nix/store_path.ts";
import { publisherNote, readPublishers } from "../../lib/nix/stores/publishers.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import type { PublishPruneOptions } from "./after.ts";
import { catalogOf } from "./entry.ts";
import { checkCatalog } from "./own_catalog.ts";

/** The catalogs of a prune, open. */
export class PrunedCatalogs implements AsyncDisposable {
  /** The one that forgets. */
  readonly main: CatalogWithHistory;
  #others: readonly Catalog[];
  #opened: AsyncDisposableStack;
  #known: ReadonlySet<string>;

  private constructor(
    main: CatalogWithHistory,
    others: readonly Catalog[],
    opened: AsyncDisposableStack,
  ) {
    this.main = main;
    this.#others = others;
    this.#opened = opened;
    this.#known = new Set([main, ...others].map(({ url }) => catalogIdentity(url)));
  }

  /**
   * Gives what opens them, each once.
   *
   * @throws {UsageError} if no kind of catalog goes by one of the URIs
   */
  static async prepare(
    { catalog, otherCatalogs = [] }: PublishPruneOptions,
    context: TaskContext,
  ): Promise<(meter: Meter) => Promise<PrunedCatalogs>> {
    const open = await catalogOf(catalog, context);
    const others = await Promise.all(otherCatalogs.map(async (other) => {
      checkCatalog(other, ["list"], "one of otherCatalogs");
      return await catalogOf<Catalog>(other, context);
    }));
    return async (meter) => {
      await using opened = new AsyncDisposableStack();
      const main = opened.use(await open(meter));
      const found: Catalog[] = [];
      const files = new Set([catalogIdentity(main.url)]);
      for (const open of others) {
        const other = await open(meter);
        const identity = catalogIdentity(other.url);
        // A second handle of a file takes the locks of the first away when it is closed; others may share what they are called.
        if (identity.startsWith("sqlite://") && files.has(identity)) continue;
        files.add(identity);
        found.push(other);
        opened.use(other);
      }
      return new PrunedCatalogs(main, found, opened.move());
    };
  }

  /** How many requests it takes to list them all. */
  get requestsToList(): number {
    return [this.main, ...this.#others].reduce((sum, { requestsEach }) => sum + requestsEach, 0);
  }

  /**
   * The hash parts of what the other catalogs need.
   *
   * @throws {UsageError} if one has no entry: one that was ever published to has a current one
   */
  async neededByOthers(options: CatalogOptions): Promise<Set<string>> {
    return await neededBy(this.#others, options);
  }

  /** The hash parts of what all of them need. */
  async needed(options: CatalogOptions): Promise<Set<string>> {
    return await neededBy([this.main, ...this.#others], options);
  }

  /**
   * Looks for others who publish to a store.
   *
   * @throws {UsageError} if there is one that was not named
   */
  async refuseOthers({ dir, url }: { dir: string; url: string }): Promise<void> {
    for (const { name, path } of await readPublishers(dir)) {
      if (name === undefined) {
        throw new UsageError(
          `Cannot prune "${url}": "${path}" does not say who publishes there`,
          { hint: "remove it if nobody else does" },
        );
      }
      if (this.#known.has(catalogIdentity(name))) continue;
      throw new UsageError(`Cannot prune "${url}": "${name}" publishes there too`, {
        hint: `name it by --other-catalog (otherCatalogs), so that what it needs stays; ` +
          `if it is no more, or is a catalog that is named here by another path, remove "${path}"`,
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }
}

async function neededBy(
  catalogs: readonly Catalog[],
  options: CatalogOptions,
): Promise<Set<string>> {
  const needed: string[] = [];
  for (const catalog of catalogs) {
    const entries = await catalog.list({}, options);
    if (entries.length === 0) {
      const identity = catalogIdentity(catalog.url);
      throw new UsageError(`Cannot keep what "${catalog.url}" needs: it has no entry`, {
        hint: "name a catalog that was published to; " +
          `if its first publish failed, remove "${
            publisherNote(identity)
          }" from the folder of each store, and do not name it`,
      });
    }
    needed.push(...hashPartsOf(entries));
  }
  return new Set(needed);
}

/** The hash parts of all paths that entries need. */
export function hashPartsOf(entries: readonly CatalogEntry[]): Set<string> {
  return new Set(
    entries.flatMap((entry) => entry.closure.map(({ path }) => parseStorePath(path).hashPart)),
  );
}
