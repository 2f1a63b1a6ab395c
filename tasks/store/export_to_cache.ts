import { IncompleteError } from "../../lib/base/errors.ts";
import { defaultRetryPolicy } from "../../lib/http/retry_policy.ts";
import { type NarPacking, packedBound } from "../../lib/nix/nar/compression.ts";
import { moveClosure } from "../../lib/nix/stores/move_closure.ts";
import type { WrittenNarInfos } from "../../lib/nix/stores/move_options.ts";
import { NarPacker } from "../../lib/nix/nar/nar_packer.ts";
import { openStore } from "../../lib/nix/stores/open_store.ts";
import { prepareStore } from "../../lib/nix/stores/prepare_store.ts";
import { planStore, standingBytes, type StorePlan } from "../../lib/nix/stores/plan_store.ts";
import type { PublishStore } from "../../lib/nix/stores/publish_store.ts";
import { storeFailuresError } from "../../lib/nix/stores/store_failures.ts";
import type { StoreUri } from "../../lib/nix/stores/store_uri.ts";
import { verifyStore } from "../../lib/nix/stores/verify_store.ts";
import type { Operation } from "../../lib/operation/operation.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { checkedPacking, checkStorePacking, loadSigningKeys } from "../publish/options.ts";
import { PublishSpool } from "../publish/spool.ts";
import { nixMemory } from "../shared/nix_memory.ts";
import {
  type CopyStanding,
  exported,
  type ExportPlan,
  exportPlan,
  type Selection,
} from "./export_plan.ts";
import type { ExportStoreOptions } from "./copy_store.ts";
import type { ExportParts } from "./export_parts.ts";
import type { AskingStep } from "./nix_place.ts";

interface CacheExportPlan extends ExportPlan {
  store: StorePlan;
}

/** What {@linkcode exportToCache} is made of. */
export interface CacheExportParts extends ExportParts<"cache"> {
  /** What it runs in. */
  readonly context: TaskContext;
  /** Closes what it opens. */
  readonly opened: AsyncDisposableStack;
}

/** The export to a binary cache. */
export async function exportToCache(
  { options, end, subject, select, context, opened }: CacheExportParts,
): Promise<Operation<CacheExportPlan, WrittenNarInfos[], CopyStanding>> {
  const packing = packingFor(end.uri, options);
  const keys = await loadSigningKeys(options.signingKey, [end.uri], context);
  const prepared = await prepareStore(end.uri);
  for (const each of [prepared.credentials, prepared.read?.credentials]) {
    for (const secret of each?.secrets ?? []) context.redactor.add(secret);
  }
  const packer = opened.use(new NarPacker(context.signal));
  const spool = opened.use(new PublishSpool(context.cache));
  const openCache = async ({ meter, signal }: AskingStep) =>
    opened.use(
      await openStore(prepared, {
        keys: [...keys.everywhere, ...keys.ofStore.get(end.uri) ?? []],
        publicKeys: [],
        propagationMs: prepared.read === undefined ? 0 : 30_000,
        retry: defaultRetryPolicy,
        sessions: spool,
        makeMemory: nixMemory(context),
        meter,
        signal,
      }),
    );
  return {
    kind: "base-image:export",
    subject,
    async plan({ meter, signal }) {
      const selection = await select({ meter, signal });
      const cache = await openCache({ meter, signal });
      await checkReferences(cache, selection, signal);
      const store = await planStore(cache, selection.closure, {
        packing,
        spool,
        replace: false,
        signal,
      });
      return planOf(selection, store, packing, end.shown);
    },
    async move({ store }, { meter, record, signal }) {
      using _use = await context.cache.use({ signal });
      return await moveClosure([store], { packing, packer, spool, meter, record, signal });
    },
    async verify({ store, closure }, [written], { meter, signal }) {
      const { failures = [] } = await verifyStore(store.store, closure, {
        depth: "present",
        written: written ?? new Map(),
        hash: (path, size) => packer.hash(path, size),
        meter,
        now: Date.now,
        signal,
      });
      if (failures.length > 0) throw storeFailuresError(failures);
    },
    commit: (plan) => Promise.resolve(exported(plan)),
    standing: exported,
  };
}

/** How paths are packed: as it was asked for, or as the URI of the cache says. */
function packingFor(uri: StoreUri, options: ExportStoreOptions): NarPacking {
  const compression = options.compression ?? uri.query["compression"];
  const level = compression === "none" ? undefined : uri.query["compression-level"];
  const packing = checkedPacking(compression, options.level ?? level);
  checkStorePacking(uri, packing);
  return packing;
}

function planOf(
  selection: Selection,
  store: StorePlan,
  packing: NarPacking,
  shown: string,
): CacheExportPlan {
  const { states, store: { cache: { reader, writer } } } = store;
  const lacking = states.filter(({ gap }) => gap !== undefined);
  const missing = lacking.filter(({ gap }) => gap !== "not signed by our key");
  const unsigned = lacking.length - missing.length;
  const toSend = states.filter(({ sendNar }) => sendNar);
  const bounds = toSend.map(({ source }) => packedBound(packing, source.narSize));
  const ofPaths = exportPlan(selection, missing.map(({ source }) => source), shown);
  return {
    ...selection,
    ...ofPaths,
    store,
    changed: lacking.length > 0,
    why: ofPaths.why +
      (unsigned === 0
        ? ""
        : `; ${unsigned} that it has ${unsigned === 1 ? "lacks" : "lack"} a signature of ours`),
    bytesToMove: bounds.reduce((sum, bytes) => sum + bytes, 0),
    bytesToReuse: states.filter(({ sendNar }) => !sendNar)
      .reduce((sum, state) => sum + standingBytes(state), 0),
    exact: toSend.length === 0 || packing.compression === "none",
    requests: lacking.length * writer.requestsFor(1000) +
      bounds.reduce((sum, bytes) => sum + writer.requestsFor(bytes), 0) +
      (lacking.length === 0 ? 0 : selection.closure.length * 2 * reader.requestsEach),
  };
}

/** What single paths need must be in the cache, which then still has a whole closure of each. */
async function checkReferences(
  { cache, limit }: PublishStore,
  { closure }: Selection,
  signal: AbortSignal,
): Promise<void> {
  const selected = new Set(closure.map(({ storePath }) => storePath.baseName));
  const needed = new Set(closure.flatMap(({ references }) => references));
  await Promise.all(
    [...needed].filter((name) => !selected.has(name)).map((name) =>
      limit.run(async () => {
        if (await cache.narInfo(name.slice(0, 32), { signal }) !== undefined) return;
        throw new IncompleteError(
          `Cannot export to "${cache.url}": "${name}" is needed, and has no narinfo there`,
          { side: "destination", hint: "export all that the paths need, without --single" },
        );
      }, signal)
    ),
  );
}
