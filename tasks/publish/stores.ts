/**
 * `publish()`: the closure to every store, the proof that it is there, and only then the catalog's entry.
 *
 * @module
 */
import { UsageError } from "../../lib/base/errors.ts";
import { checkEntryName } from "../../lib/catalog/catalog_entry.ts";
import { prepareCatalog } from "../../lib/catalog/prepare_catalog.ts";
import { checkStoreFolder } from "../../lib/nix/stores/check_store_folder.ts";
import { NarPacker } from "../../lib/nix/nar/nar_packer.ts";
import { prepareStore } from "../../lib/nix/stores/prepare_store.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { wholeRetryPolicy } from "../../lib/http/whole_retry_policy.ts";
import { nixMemory } from "../shared/nix_memory.ts";
import { checkPublishOptions } from "./checks.ts";
import { checkPublishOffline } from "./offline.ts";
import { countedCatalog } from "./own_catalog.ts";
import { checkedPacking, loadSigningKeys, parseStores } from "./options.ts";
import { thisSystem } from "./this_system.ts";
import { PublishSpool } from "./spool.ts";
import { PublishOperation } from "./operation.ts";
import type { PublishOptions, PublishResult } from "./publish.ts";

export { collectingAfter } from "../shared/collecting_after.ts";

/** Does the work of `publish`. */
export async function runPublish(
  options: PublishOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishResult> {
  checkPublishOptions(options);
  const context = resolveContext(ctx);
  const { name, version, paths, stores } = options;
  const system = options.system ?? thisSystem();
  checkEntryName({ name, version, system });
  if (paths.length === 0) throw new UsageError("Cannot publish: paths is empty");
  if (stores.length === 0) throw new UsageError("Cannot publish: stores is empty");
  const packing = checkedPacking(options.compression, options.level);
  const uris = parseStores(stores, packing);
  const { catalog } = options;
  checkPublishOffline(context, uris, typeof catalog === "string" ? catalog : undefined);
  const keys = await loadSigningKeys(options.signingKey, uris, context);
  await Promise.all(uris.map(checkStoreFolder));
  const prepared = await Promise.all(uris.map(prepareStore));
  const named = typeof options.catalog === "string"
    ? await prepareCatalog(options.catalog)
    : undefined;
  for (
    const secret of [
      ...prepared.flatMap(({ credentials, read }) => [credentials, read?.credentials])
        .flatMap((credentials) => credentials?.secrets ?? []),
      ...named?.secrets ?? [],
    ]
  ) context.redactor.add(secret);
  const { signal } = context;
  const retry = wholeRetryPolicy(options.retry);
  using packer = new NarPacker(signal);
  await using spool = new PublishSpool(context.cache);
  await using opened = new AsyncDisposableStack();
  const operation = new PublishOperation({
    options: { ...options, system },
    context,
    packing,
    packer,
    spool,
    opened,
    openCatalog: async (meter) => {
      if (typeof options.catalog !== "string") return countedCatalog(options.catalog, meter);
      const { openCatalog } = await import("../../lib/catalog/open_catalog.ts");
      const { stallMs: timeoutMs } = options;
      return opened.use(await openCatalog(named!, { meter, signal, retry, timeoutMs }));
    },
    openStores: async (meter) => {
      const { openStore } = await import("../../lib/nix/stores/open_store.ts");
      const stores = await Promise.all(prepared.map((store) =>
        openStore(store, {
          keys: [...keys.everywhere, ...keys.ofStore.get(store.uri) ?? []],
          publicKeys: [],
          propagationMs: options.propagationMs ?? (store.read === undefined ? 0 : 30_000),
          retry,
          stallMs: options.stallMs,
          nix: options.nix,
          sessions: spool,
          makeMemory: nixMemory(context),
          meter,
          signal,
        })
      ));
      for (const store of stores) opened.use(store);
      return stores;
    },
  });
  return await runOperation(operation, context);
}
