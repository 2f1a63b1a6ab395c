import { checkOptions } from "../../lib/base/check_options.ts";
import { formatBytes } from "../../lib/base/bytes.ts";
import { canonicalPath } from "../../lib/base/canonical_path.ts";
import { counted } from "../../lib/base/counted.ts";
import { UsageError } from "../../lib/base/errors.ts";
import { CatalogConflictError } from "../../lib/catalog/catalog_conflict_error.ts";
import type { CatalogEntry } from "../../lib/catalog/catalog_entry.ts";
import { checkStoreFolder } from "../../lib/nix/stores/check_store_folder.ts";
import {
  foreseePrune,
  intendPrune,
  planPrune,
  pruneFileCache,
  type PrunePlan,
} from "../../lib/nix/stores/prune_file_cache.ts";
import { parseStoreUri } from "../../lib/nix/stores/store_uri.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { checkCatalog } from "./own_catalog.ts";
import type { PublishPruneOptions, PublishPruneResult } from "./after.ts";
import { hashPartsOf, PrunedCatalogs } from "./pruned_catalogs.ts";

interface PrunePlanOfAll extends Plan {
  catalogs: PrunedCatalogs;
  forget: readonly CatalogEntry[];
  stores: readonly StoreToPrune[];
}

interface StoreToPrune extends PrunePlan {
  dir: string;
  url: string;
}

const nothing: PrunePlan = { hashParts: [], pinned: [], bytes: 0, back: 0, left: 0 };

/** Does the work of `publishPrune`. */
export async function runPublishPrune(
  options: PublishPruneOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishPruneResult> {
  checkOptions(options, { stores: "texts", keep: "number" }, { otherCatalogs: "list" });
  const { catalog: named } = options;
  checkCatalog(named, ["list", "find", "forget"]);
  const context = resolveContext(ctx);
  const { keep } = options;
  if (!Number.isInteger(keep) || keep < 0) {
    throw new UsageError(`Cannot keep ${keep} versions: it is not a whole number from 0 on`);
  }
  const uris = options.stores.map(parseStoreUri);
  const foreign = uris.find((uri) => uri.kind !== "file");
  if (foreign !== undefined) {
    throw new UsageError(`Cannot prune "${foreign.shown}": only file:// stores are pruned`);
  }
  await Promise.all(uris.map(checkStoreFolder));
  const open = await PrunedCatalogs.prepare(options, context);
  await using opened = new AsyncDisposableStack();
  const operation: Operation<PrunePlanOfAll, void, Omit<PublishPruneResult, keyof Figures>> = {
    kind: "publish:prune",
    subject: (typeof named === "string" ? named : named.url).replace(/[?].*$/s, ""),
    async plan({ meter, signal }) {
      const catalogs = opened.use(await open(meter));
      const catalog = catalogs.main;
      for (const { target, shown } of uris) {
        await catalogs.refuseOthers({ dir: target, url: shown });
      }
      const entries = await catalog.list({}, { signal });
      const forget = outdated(entries, keep);
      warnOfLeft(forget, new Set(uris.map(({ target }) => canonicalPath(target))), meter);
      const live = hashPartsOf(entries.filter((entry) => !forget.includes(entry)))
        .union(await catalogs.neededByOthers({ signal }));
      const candidates = new Set([...hashPartsOf(forget)].filter((each) => !live.has(each)));
      const stores = await Promise.all(uris.map(async ({ target, shown }) => {
        // Whose entries are lost, or never were, does not know what is needed.
        const plan = entries.length === 0 ? nothing : await planPrune(target, candidates, live);
        return { dir: target, url: shown, ...plan };
      }));
      const paths = stores.reduce((sum, store) => sum + store.hashParts.length, 0);
      if (forget[0] !== undefined) {
        await catalog.foresee?.();
        // One behind HTTP tells who asks for an entry whether he may write.
        if (catalog.requestsEach > 0) await catalog.find(forget[0], { signal });
      }
      for (const store of stores) {
        const onlyWaits = !changes(store);
        if (!onlyWaits || store.pinned.length > 0) foreseePrune(store.dir, { onlyWaits });
      }
      return {
        catalogs,
        forget,
        stores,
        changed: forget.length > 0 || stores.some(changes),
        bytesToMove: 0,
        bytesToReuse: 0,
        exact: true,
        requests: catalog.requestsEach * forget.length +
          catalogs.requestsToList * stores.filter(changes).length,
        why:
          `${forget.length} of ${entries.length === 1 ? "1 entry" : `${entries.length} entries`} ${
            forget.length === 1 ? "is" : "are"
          } neither current nor among the ${keep} before; ` +
          `${counted(paths, "path")} ${paths === 1 ? "is" : "are"} needed by no other entry` +
          leftWords(stores),
        objects: forget.map((entry) => ({ label: entry.id, state: "present" as const })),
      };
    },
    move: () => Promise.resolve(),
    verify: () => Promise.resolve(),
    async commit(plan, _moved, step) {
      const intents = new Map<StoreToPrune, string | undefined>();
      for (const store of plan.stores) intents.set(store, await noteIntent(store, step.meter));
      await plan.catalogs.main.forget(plan.forget, { signal: step.signal });
      for (const entry of plan.forget) step.record(entry.id, "forgotten");
      const stores: { store: string; paths: number; bytes: number }[] = [];
      for (const store of plan.stores) {
        stores.push({
          store: store.url,
          ...await pruneOne(plan.catalogs, store, intents.get(store), step),
        });
      }
      return { forgotten: plan.forget.map((entry) => entry.id), stores };
    },
    standing: ({ forget, stores }) => ({
      forgotten: forget.map((entry) => entry.id),
      stores: stores.map(({ url, hashParts, bytes }) => ({
        store: url,
        paths: hashParts.length,
        bytes,
      })),
    }),
  };
  return await runOperation(operation, context);
}

/** Notes what goes, so that the next prune goes on with one that was killed; gives the file of the note. */
async function noteIntent(
  { dir, url, hashParts, pinned }: StoreToPrune,
  meter: Step["meter"],
): Promise<string | undefined> {
  const all = [...hashParts, ...pinned];
  if (all.length === 0) return undefined;
  const intent = await intendPrune(dir, all);
  if (intent === undefined) {
    meter.note(
      `there is no room in "${url}" to note what goes: were this run killed, some of it would stay there`,
      "warning",
    );
  }
  return intent;
}

/** Whether a prune does anything in a store. */
function changes({ hashParts, back, left }: StoreToPrune): boolean {
  return hashParts.length + back + left > 0;
}

function leftWords(stores: readonly StoreToPrune[]): string {
  const back = stores.reduce((sum, store) => sum + store.back, 0);
  const left = stores.reduce((sum, store) => sum + store.left, 0);
  return (back === 0
    ? ""
    : `; a killed prune had taken ${counted(back, "path")} that must come back`) +
    (left === 0 ? "" : `; killed runs left ${formatBytes(left)}`);
}

async function pruneOne(
  catalogs: PrunedCatalogs,
  store: StoreToPrune,
  intent: string | undefined,
  { signal, record }: Step,
): Promise<{ paths: number; bytes: number }> {
  if (!changes(store)) return { paths: 0, bytes: 0 };
  const live = async () => {
    // Before the catalogs: one that began to publish there meanwhile may need what lies aside.
    await catalogs.refuseOthers(store);
    return await catalogs.needed({ signal });
  };
  const pruned = await pruneFileCache(store.dir, store, intent, live, signal);
  record(store.dir, "pruned", pruned);
  return pruned;
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
