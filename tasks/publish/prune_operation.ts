import { checkOptions } from "../../lib/base/check_options.ts";
import { UsageError } from "../../lib/base/errors.ts";
import { checkStoreFolder } from "../../lib/nix/stores/check_store_folder.ts";
import { intendPrune, pruneFileCache } from "../../lib/nix/stores/prune_file_cache.ts";
import { parseStoreUri, type StoreUri } from "../../lib/nix/stores/store_uri.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import type { PublishPruneOptions, PublishPruneResult } from "./after.ts";
import { checkCatalog } from "./own_catalog.ts";
import {
  changes,
  planPublishPrune,
  type PublishPrunePlan,
  type StoreToPrune,
} from "./plan_prune.ts";
import { PrunedCatalogs } from "./pruned_catalogs.ts";

type Pruned = Omit<PublishPruneResult, keyof Figures>;

/** Does the work of `publishPrune`. */
export async function runPublishPrune(
  options: PublishPruneOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishPruneResult> {
  const uris = checkPruneOptions(options);
  const { catalog, keep } = options;
  const context = resolveContext(ctx);
  await Promise.all(uris.map(checkStoreFolder));
  const open = await PrunedCatalogs.prepare(options, context);
  await using opened = new AsyncDisposableStack();
  const operation: Operation<PublishPrunePlan, void, Pruned> = {
    kind: "publish:prune",
    subject: (typeof catalog === "string" ? catalog : catalog.url).replace(/[?].*$/s, ""),
    async plan(step) {
      const catalogs = opened.use(await open(step.meter));
      return await planPublishPrune(catalogs, { uris, keep }, step);
    },
    move: () => Promise.resolve(),
    verify: () => Promise.resolve(),
    commit: async (plan, _moved, step) => await forgetAndPrune(plan, step),
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

/** Gives the stores. */
function checkPruneOptions(options: PublishPruneOptions): StoreUri[] {
  checkOptions(options, { stores: "texts", keep: "number" }, { otherCatalogs: "list" });
  checkCatalog(options.catalog, ["list", "find", "forget"]);
  const { keep, stores } = options;
  if (!Number.isInteger(keep) || keep < 0) {
    throw new UsageError(`Cannot keep ${keep} versions: it is not a whole number from 0 on`);
  }
  const uris = stores.map(parseStoreUri);
  const foreign = uris.find((uri) => uri.kind !== "file");
  if (foreign !== undefined) {
    throw new UsageError(`Cannot prune "${foreign.shown}": only file:// stores are pruned`);
  }
  return uris;
}

async function forgetAndPrune(plan: PublishPrunePlan, step: Step): Promise<Pruned> {
  const { catalogs, forget, stores } = plan;
  const intents = new Map<StoreToPrune, string | undefined>();
  for (const store of stores) intents.set(store, await noteIntent(store, step.meter));
  await catalogs.main.forget(forget, { signal: step.signal });
  for (const entry of forget) step.record(entry.id, "forgotten");
  const pruned: { store: string; paths: number; bytes: number }[] = [];
  for (const store of stores) {
    const gone = await pruneOne(catalogs, store, intents.get(store), step);
    pruned.push({ store: store.url, ...gone });
  }
  return { forgotten: forget.map((entry) => entry.id), stores: pruned };
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
