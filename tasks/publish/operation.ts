/**
 * The four steps of a publish: what each store lacks, the NARs and narinfos, the proof, the catalog's entry.
 *
 * Invariants: the catalog is written to only after every store was proven to hold the whole closure; the pins of this publish stand from before
 * the proof till after the commit.
 *
 * @module
 */
import { formatBytes } from "../../lib/base/bytes.ts";
import { counted } from "../../lib/base/counted.ts";
import { refreshes } from "../../lib/cache/refresh.ts";
import { sha256 } from "../../lib/base/digest.ts";
import { liesIn } from "../../lib/base/lies_in.ts";
import { together } from "../../lib/base/together.ts";
import type { Meter } from "../../lib/base/meter.ts";
import type { Catalog } from "../../lib/catalog/catalog.ts";
import {
  type CatalogEntry,
  type CatalogEntryDraft,
  entryId,
} from "../../lib/catalog/catalog_entry.ts";
import type { NarPacking } from "../../lib/nix/nar/compression.ts";
import type { WrittenNarInfos } from "../../lib/nix/stores/move_options.ts";
import type { NarPacker } from "../../lib/nix/nar/nar_packer.ts";
import type { NarSpool } from "../../lib/nix/nar/nar_spool.ts";
import type { StorePlan } from "../../lib/nix/stores/plan_store.ts";
import {
  type ProofMemory,
  type RememberedProof,
  standingProof,
} from "../../lib/nix/stores/proof_memory.ts";
import { resolveSources } from "../../lib/nix/program/resolve_sources.ts";
import type { SourcePath } from "../../lib/nix/source_path.ts";
import {
  storeFailuresError,
  type StoreFailuresErrorOptions,
} from "../../lib/nix/stores/store_failures.ts";
import type { StoreProof } from "../../lib/nix/stores/verify_store.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import type { PublishPlan } from "./plan.ts";
import type { PublishOptions, PublishResult } from "./publish.ts";

const defaultProofMaxAgeMs = 300_000;

/** What the steps are made of; Nix is asked before it is loaded. */
const steps = () => import("./steps.ts");

/** What a publish is made of. */
export interface PublishParts {
  /** The options, with the system. */
  options: PublishOptions & { system: string };
  /** What the task runs in. */
  context: TaskContext;
  /** How NARs are packed. */
  packing: NarPacking;
  /** Packs them. */
  packer: NarPacker;
  /** Keeps them, and what was proven. */
  spool: NarSpool & ProofMemory;
  /** Ends what was begun, after the commit. */
  opened: AsyncDisposableStack;
  /** Opens the catalog. */
  openCatalog: (meter: Meter) => Promise<Catalog>;
  /** Opens the stores. */
  openStores: (meter: Meter) => Promise<StorePlan["store"][]>;
}

type Standing = Omit<PublishResult, keyof Figures>;

/** Plan, move, verify and commit of a publish. */
export class PublishOperation implements Operation<PublishPlan, WrittenNarInfos[], Standing> {
  readonly kind = "publish";
  readonly subject: string;
  #parts: PublishParts;
  #proofs: StoreProof[] = [];

  constructor(parts: PublishParts) {
    this.#parts = parts;
    this.subject = entryId(parts.options);
  }

  async plan(step: Step): Promise<PublishPlan> {
    const { options, packing, spool, context: { cache: { dir } } } = this.#parts;
    const { meter, signal, dryRun } = step;
    const [sources, { catalog, standing }] = await together([
      (signal) => resolveSources(options.paths, { ...options.nix, dryRun, signal }),
      (signal) => this.#find(step, signal),
    ], signal);
    const { closure } = sources;
    for (const path of options.paths) {
      if (!liesIn(dir, path)) continue;
      meter.note(`the cache "${dir}" lies in "${path}", and is published with it`, "warning");
    }
    meter.note(
      `the closure has ${counted(closure.length, "path")}, ${formatBytes(narBytes(closure))}`,
    );
    const stores = await this.#parts.openStores(meter);
    if (!dryRun) await (await steps()).noteWhereItStands(stores, standing, catalog.url, meter);
    let plans = await this.#ask(stores, closure, step, standing?.current === true);
    if (plans.some((plan) => plan.states.some((state) => state.gap !== undefined))) {
      // Something is to be done: what was taken as proven is asked for, too.
      const taken = plans.filter((plan) => plan.provenAt !== undefined).map(({ store }) => store);
      const asked = await this.#ask(taken, closure, step, false);
      plans = plans.map((plan) => asked.find(({ store }) => store === plan.store) ?? plan);
    }
    const depth = options.verify ?? "present";
    const found = { sources, stores: plans, catalog, standing };
    const plan = await (await steps()).publishPlan(this.subject, found, { packing, spool, depth });
    if (plan.changed) await catalog.foresee?.();
    if (plan.changed || depth === "present") return plan;
    // Who asks for the full proof gets it of what stands there already.
    await this.#prove(plan, [], step, { hint: "repair it with publish:verify --repair" });
    return { ...plan, why: `${plan.why}, and every byte of it was read back` };
  }

  /** Finds the entry in the catalog, and loads meanwhile what the other steps need. */
  async #find(
    step: Step,
    signal: AbortSignal,
  ): Promise<{ catalog: Catalog; standing: CatalogEntry | undefined }> {
    await steps();
    const catalog = await this.#parts.openCatalog(step.meter);
    const standing = await catalog.find(this.#parts.options, { signal });
    // A new version has something to pack: a thread starts while Nix and the stores answer.
    if (standing === undefined && !step.dryRun) this.#parts.packer.warm();
    return { catalog, standing };
  }

  /** Asks stores for the closure, all at once. */
  async #ask(
    stores: readonly StorePlan["store"][],
    closure: readonly SourcePath[],
    { signal }: Step,
    believing: boolean,
  ): Promise<StorePlan[]> {
    const { options: { replace = false }, packing, spool } = this.#parts;
    const { planStore } = await steps();
    const outcomes = await Promise.all(stores.map(async (store) => {
      try {
        const proof = believing ? await this.#remembered(store, closure) : undefined;
        const how = { packing, spool, replace, pins: true, proof, signal };
        return await planStore(store, closure, how);
      } catch (error) {
        signal.throwIfAborted();
        return { store: store.cache.url, error };
      }
    }));
    const failures = outcomes.filter((each) => "error" in each);
    if (failures.length > 0) throw storeFailuresError(failures);
    return outcomes.filter((each) => "states" in each);
  }

  async move(plan: PublishPlan, step: Step): Promise<WrittenNarInfos[]> {
    const { packing, packer, spool, context } = this.#parts;
    const { meter, record, signal } = step;
    using _use = await context.cache.use({ signal });
    const { moveClosure, pinInStores } = await steps();
    const { catalog: { url: catalog }, sources: { closure } } = plan;
    const ask = (stores: readonly StorePlan["store"][]) => this.#ask(stores, closure, step, false);
    const pinning = { by: this.subject, catalog, meter, ask };
    const { pins, plans } = await pinInStores(plan.stores, closure, pinning);
    this.#parts.opened.use(pins);
    return await moveClosure(plans, { packing, packer, spool, meter, record, signal });
  }

  async verify(plan: PublishPlan, moved: WrittenNarInfos[], step: Step): Promise<void> {
    await this.#prove(plan, moved, step);
  }

  /** Proves all stores; what writes nothing remembers nothing. */
  async #prove(
    { stores, sources }: PublishPlan,
    moved: readonly WrittenNarInfos[],
    step: Step,
    failing?: StoreFailuresErrorOptions,
  ): Promise<void> {
    const { packer, spool, options } = this.#parts;
    const { proveStores } = await steps();
    this.#proofs = await proveStores(stores.map(({ store }) => store), sources.closure, {
      depth: options.verify ?? "present",
      moved,
      ...(step.dryRun ? {} : { memory: spool }),
      hash: (path, size) => packer.hash(path, size),
      step,
      ...(failing === undefined ? {} : { failing }),
    });
  }

  async commit(plan: PublishPlan, _moved: WrittenNarInfos[], step: Step): Promise<Standing> {
    const { catalog } = plan;
    const draft: CatalogEntryDraft = {
      name: this.#parts.options.name,
      version: this.#parts.options.version,
      system: this.#parts.options.system,
      storePaths: plan.sources.roots,
      closure: plan.sources.closure.map(({ storePath, narHash, narSize, references }) => ({
        path: storePath.path,
        narHash,
        narSize,
        references,
      })),
      closureBytes: narBytes(plan.sources.closure),
      proofs: this.#proofs,
    };
    const { proofs, ...identity } = draft;
    const idempotencyKey = sha256(JSON.stringify([identity, proofs.map((proof) => proof.store)]));
    step.record(this.subject, "committing", { catalog: catalog.url, idempotencyKey });
    const entry = await catalog.commit(draft, { idempotencyKey, signal: step.signal });
    step.record(entry.id, "committed", { catalog: catalog.url });
    (await steps()).tellUnkept(entry, proofs, catalog.url, step.meter);
    return { ...this.standing(plan), id: entry.id };
  }

  standing({ sources, stores }: PublishPlan): Standing {
    return {
      id: this.subject,
      storePaths: sources.roots,
      closurePaths: sources.closure.length,
      closureBytes: narBytes(sources.closure),
      stores: stores.map(({ store, states }, index) => ({
        store: store.cache.url,
        missing: states.filter((state) => state.gap !== undefined).length,
        ...(this.#proofs[index] === undefined ? {} : { provenAt: this.#proofs[index].at }),
      })),
    };
  }

  /** What was proven of the closure in a store, if that was a short while ago and is to be believed. */
  async #remembered(
    store: StorePlan["store"],
    closure: readonly SourcePath[],
  ): Promise<RememberedProof | undefined> {
    const { options, context, spool } = this.#parts;
    const { url, requestsEach } = store.cache.reader;
    if (requestsEach === 0 || refreshes(context.refresh, "publish", this.subject, url)) {
      return undefined;
    }
    return standingProof(await spool.recall(url, closure), {
      now: Date.now(),
      maxAgeMs: options.proofMaxAgeMs ?? defaultProofMaxAgeMs,
      keys: store.publicKeys.map((key) => key.text),
    });
  }
}

function narBytes(closure: readonly SourcePath[]): number {
  return closure.reduce((sum, { narSize }) => sum + narSize, 0);
}
