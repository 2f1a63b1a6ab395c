/** Finds out which entries a catalog is to forget, and what of its stores no other entry needs; writes nothing. @module */
import { formatBytes } from "../../lib/base/bytes.ts";
import { canonicalPath } from "../../lib/base/canonical_path.ts";
import { counted } from "../../lib/base/counted.ts";
import type { CatalogWithHistory } from "../../lib/catalog/catalog.ts";
import { CatalogConflictError } from "../../lib/catalog/catalog_conflict_error.ts";
import type { CatalogEntry } from "../../lib/catalog/catalog_entry.ts";
import { foreseePrune, planPrune, type PrunePlan } from "../../lib/nix/stores/prune_file_cache.ts";
import type { StoreUri } from "../../lib/nix/stores/store_uri.ts";
import type { Plan } from "../../lib/operation/figures.ts";
import type { Step } from "../../lib/operation/operation.ts";
import { hashPartsOf, type PrunedCatalogs } from "./pruned_catalogs.ts";

/** What a prune is about to do. */
export interface PublishPrunePlan extends Plan {
  /** The one that forgets, and the others. */
  readonly catalogs: PrunedCatalogs;
  /** What it forgets. */
  readonly forget: readonly CatalogEntry[];
  /** What goes from each store. */
  readonly stores: readonly StoreToPrune[];
}

/** What goes from a store. */
export interface StoreToPrune extends PrunePlan {
  /** Its folder. */
  readonly dir: string;
  /** Its URI, as it is shown. */
  readonly url: string;
}

/** What a prune is asked for. */
export interface PublishPruneAsked {
  /** The stores. */
  readonly uris: readonly StoreUri[];
  /** How many versions stay beside the current one. */
  readonly keep: number;
}

const nothing: PrunePlan = { hashParts: [], pinned: [], bytes: 0, back: 0, left: 0 };

/** Plans a prune. */
export async function planPublishPrune(
  catalogs: PrunedCatalogs,
  { uris, keep }: PublishPruneAsked,
  { meter, signal }: Step,
): Promise<PublishPrunePlan> {
  for (const { target, shown } of uris) {
    await catalogs.refuseOthers({ dir: target, url: shown });
  }
  const entries = await catalogs.main.list({}, { signal });
  const forget = outdated(entries, keep);
  warnOfLeft(forget, new Set(uris.map(({ target }) => canonicalPath(target))), meter);
  const live = hashPartsOf(entries.filter((entry) => !forget.includes(entry)))
    .union(await catalogs.neededByOthers({ signal }));
  const candidates = hashPartsOf(forget).difference(live);
  const stores = await Promise.all(uris.map(async ({ target, shown }) => {
    // Whose entries are lost, or never were, does not know what is needed.
    const plan = entries.length === 0 ? nothing : await planPrune(target, candidates, live);
    return { dir: target, url: shown, ...plan };
  }));
  await foreseeForgetting(catalogs.main, forget, signal);
  stores.forEach(foreseeStore);
  return {
    catalogs,
    forget,
    stores,
    changed: forget.length > 0 || stores.some(changes),
    bytesToMove: 0,
    bytesToReuse: 0,
    exact: true,
    requests: catalogs.main.requestsEach * forget.length +
      catalogs.requestsToList * stores.filter(changes).length,
    why: inWords(entries, { forget, keep, stores }),
    objects: forget.map((entry) => ({ label: entry.id, state: "present" as const })),
  };
}

/** Whether a prune does anything in a store. */
export function changes({ hashParts, back, left }: StoreToPrune): boolean {
  return hashParts.length + back + left > 0;
}

/** The entries of each name and system that are neither current nor among the newest ones beside it. */
function outdated(entries: readonly CatalogEntry[], keep: number): CatalogEntry[] {
  const groups = Map.groupBy(entries, ({ name, system }) => `${name}/${system}`);
  return [...groups.values()].flatMap((group) => {
    if (!group.some((entry) => entry.current)) {
      throw new CatalogConflictError(
        `Cannot prune "${group[0]?.name}": none of its versions is current`,
      );
    }
    return group.filter((entry) => !entry.current).slice(keep);
  });
}

/** What only the catalog knows is in a store stays there for good, once the catalog forgot it. */
function warnOfLeft(
  forget: readonly CatalogEntry[],
  given: ReadonlySet<string>,
  meter: Step["meter"],
): void {
  const scheme = "file://";
  const stores = forget.flatMap(({ proofs }) => proofs.map(({ store }) => store))
    .filter((store) =>
      store.startsWith(scheme) && !given.has(canonicalPath(store.slice(scheme.length)))
    );
  for (const [store, { length }] of Map.groupBy(stores, (each) => each)) {
    const entries = length === 1 ? "1 entry" : `${length} entries`;
    meter.note(
      `"${store}" has paths of ${entries} that the catalog forgets, and is not among the stores to prune: ` +
        "they stay there, and no later prune knows of them",
      "warning",
    );
  }
}

/** Fails as forgetting would. */
async function foreseeForgetting(
  catalog: CatalogWithHistory,
  [first]: readonly CatalogEntry[],
  signal: AbortSignal,
): Promise<void> {
  if (first === undefined) return;
  await catalog.foresee?.();
  // One behind HTTP tells who asks for an entry whether he may write.
  if (catalog.requestsEach > 0) await catalog.find(first, { signal });
}

/** Fails as pruning the store would. */
function foreseeStore(store: StoreToPrune): void {
  const onlyWaits = !changes(store);
  if (!onlyWaits || store.pinned.length > 0) foreseePrune(store.dir, { onlyWaits });
}

function inWords(
  entries: readonly CatalogEntry[],
  { forget, keep, stores }: Pick<PublishPrunePlan, "forget" | "stores"> & { keep: number },
): string {
  const all = entries.length === 1 ? "1 entry" : `${entries.length} entries`;
  const are = forget.length === 1 ? "is" : "are";
  const paths = stores.reduce((sum, store) => sum + store.hashParts.length, 0);
  return `${forget.length} of ${all} ${are} neither current nor among the ${keep} before; ` +
    `${counted(paths, "path")} ${paths === 1 ? "is" : "are"} needed by no other entry` +
    leftWords(stores);
}

function leftWords(stores: readonly StoreToPrune[]): string {
  const back = stores.reduce((sum, store) => sum + store.back, 0);
  const left = stores.reduce((sum, store) => sum + store.left, 0);
  return (back === 0
    ? ""
    : `; a killed prune had taken ${counted(back, "path")} that must come back`) +
    (left === 0 ? "" : `; killed runs left ${formatBytes(left)}`);
}
