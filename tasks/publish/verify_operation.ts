/**
 * `publishVerify()`: an entry is proven again on every store that it was published to, and mended where it is asked for.
 *
 * @module
 */
import { counted } from "../../lib/base/counted.ts";
import { type Meter, silentMeter } from "../../lib/base/meter.ts";
import type { Catalog } from "../../lib/catalog/catalog.ts";
import type { CatalogEntry } from "../../lib/catalog/catalog_entry.ts";
import { sha256 } from "../../lib/base/digest.ts";
import { NarPacker } from "../../lib/nix/nar/nar_packer.ts";
import { physicalPath } from "../../lib/nix/physical_path.ts";
import type { PublishStore } from "../../lib/nix/stores/publish_store.ts";
import { parsePublicKey } from "../../lib/nix/signing_key.ts";
import type { SourcePath } from "../../lib/nix/source_path.ts";
import { storeFailuresError } from "../../lib/nix/stores/store_failures.ts";
import { parseStorePath } from "../../lib/nix/store_path.ts";
import { type StoreProof, verifyStore } from "../../lib/nix/stores/verify_store.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../../lib/runner/context.ts";
import { checkVerifyOptions } from "./checks.ts";
import { catalogOf, closureOf, entryStores, findEntry } from "./entry.ts";
import { loadSigningKeys } from "./options.ts";
import type { ProvenStores } from "./repair_stores.ts";
import { PublishSpool } from "./spool.ts";
import type { PublishVerifyOptions, PublishVerifyResult } from "./after.ts";

/** Does the work of `publishVerify`. */
export async function runPublishVerify(
  options: PublishVerifyOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishVerifyResult> {
  checkVerifyOptions(options);
  const context = resolveContext(ctx);
  const open = await catalogOf(options.catalog, context, options.retry);
  const publicKeys = await Promise.all((options.publicKeys ?? []).map(parsePublicKey));
  const { everywhere: keys } = await loadSigningKeys(options.signingKey, [], context);
  await using opened = new AsyncDisposableStack();
  // The entry says which stores there are; it is asked for before the operation, and counted within.
  const first = opened.use(await open(silentMeter));
  const entry = await findEntry(first, options.entry, context.signal);
  const stores = options.stores ?? [];
  const openStores = await entryStores(
    entry,
    { stores, keys, publicKeys, retry: options.retry },
    context,
  );
  using packer = new NarPacker(context.signal);
  await using spool = new PublishSpool(context.cache);
  const operation = new VerifyOperation({
    options,
    context,
    entry,
    packer,
    spool,
    openCatalog: async (meter) => opened.use(await open(meter)),
    openStores: async (meter) => (await openStores(meter)).map((store) => opened.use(store)),
  });
  return await runOperation(operation, context);
}

interface VerifyParts {
  options: PublishVerifyOptions;
  context: TaskContext;
  entry: CatalogEntry;
  packer: NarPacker;
  spool: PublishSpool;
  openCatalog: (meter: Meter) => Promise<Catalog>;
  openStores: (meter: Meter) => Promise<PublishStore[]>;
}

type VerifyPlan = Plan & ProvenStores;

type Standing = Omit<PublishVerifyResult, keyof Figures>;

class VerifyOperation implements Operation<VerifyPlan, void, Standing> {
  readonly kind = "publish:verify";
  readonly subject: string;
  #parts: VerifyParts;
  #proofs: StoreProof[] = [];

  constructor(parts: VerifyParts) {
    this.#parts = parts;
    this.subject = parts.entry.id;
  }

  async plan(step: Step): Promise<VerifyPlan> {
    const { entry, options, context } = this.#parts;
    for (let i = 0; i < this.#requestsOfCatalog(); i++) step.meter.request();
    const closure = closureOf(entry, (path) => {
      const remote = options.nix?.store ?? options.nix?.env?.["NIX_REMOTE"] ??
        Deno.env.get("NIX_REMOTE");
      return physicalPath(path, parseStorePath(path).storeDir, remote);
    });
    const opened = await this.#parts.openStores(step.meter);
    const stores = await Promise.all(
      opened.map(async (store) => {
        const outcome = await this.#prove(store, closure, step);
        return { store, failures: outcome.failures ?? [] };
      }),
    );
    const failures = stores.flatMap((each) => each.failures);
    if (failures.length > 0 && !options.repair) {
      throw storeFailuresError(failures, { action: "prove", hint: "repair it with --repair" });
    }
    context.signal.throwIfAborted();
    const changed = failures.length > 0;
    const names = (of: typeof stores) => of.map((at) => `"${at.store.cache.url}"`).join(" and ");
    return {
      closure,
      stores,
      changed,
      bytesToMove: closure.filter(({ storePath }) =>
        failures.some((failure) => failure.path === storePath.path)
      ).reduce((sum, { narSize }) => sum + narSize, 0),
      bytesToReuse: 0,
      exact: false,
      requests: 0,
      why: changed
        ? `${failures.length} of ${counted(closure.length * stores.length, "path")} broken in ${
          names(stores.filter((each) => each.failures.length > 0))
        }`
        : `${names(stores)} ${stores.length === 1 ? "has" : "have"} all of ${entry.id}, ${
          counted(closure.length, "path")
        }`,
      objects: [],
    };
  }

  async move(plan: VerifyPlan, step: Step): Promise<void> {
    const { repairStores } = await import("./repair_stores.ts");
    await repairStores(plan, this.#parts, step);
  }

  async verify(plan: VerifyPlan, _moved: void, step: Step): Promise<void> {
    const outcomes = await Promise.all(
      plan.stores.map(({ store }) => this.#prove(store, plan.closure, step)),
    );
    const failures = outcomes.flatMap((outcome) => outcome.failures ?? []);
    if (failures.length > 0) throw storeFailuresError(failures, { action: "prove" });
    this.#proofs = outcomes.flatMap((outcome) => outcome.proof ?? []);
  }

  async commit(plan: VerifyPlan, _moved: void, step: Step): Promise<Standing> {
    const { entry } = this.#parts;
    // A commit makes its version the current one; only the current entry's proofs are renewed here.
    if (entry.current) {
      const catalog = await this.#parts.openCatalog(step.meter);
      await catalog.find(entry, { signal: step.signal });
      const { id: _id, created: _created, updated: _updated, current: _current, ...draft } = entry;
      const renewed = { ...draft, proofs: this.#proofs };
      const idempotencyKey = sha256(JSON.stringify([entry.id, this.#proofs]));
      await catalog.commit(renewed, { idempotencyKey, signal: step.signal });
    }
    return this.standing(plan);
  }

  standing({ stores }: VerifyPlan): Standing {
    return {
      id: this.subject,
      stores: stores.map(({ store, failures }) => ({
        store: store.cache.url,
        broken: failures.length,
      })),
    };
  }

  #requestsOfCatalog(): number {
    const { catalog } = this.#parts.options;
    if (typeof catalog !== "string") return catalog.requestsEach;
    return /^https?:/.test(catalog) ? 1 : 0;
  }

  #prove(store: PublishStore, closure: readonly SourcePath[], step: Step) {
    const { meter, signal } = step;
    const depth = this.#parts.options.depth ?? "present";
    return verifyStore(store, closure, {
      depth,
      written: new Map(),
      hash: (path, size) => this.#parts.packer.hash(path, size),
      meter,
      now: Date.now,
      signal,
    });
  }
}
