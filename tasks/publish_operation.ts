/**
 * The four steps of a publish: what each store lacks, the NARs and narinfos, the proof, the catalog's entry.
 *
 * Invariants: the catalog is written to only after every store was proven to hold the whole closure; the pins of this publish stand from before
 * the proof till after the commit.
 *
 * @module
 */
import { formatBytes } from "../lib/base/bytes.ts";
import { sha256 } from "../lib/base/digest.ts";
import type { Meter } from "../lib/base/meter.ts";
import { CatalogConflictError } from "../lib/catalog/catalog_conflict_error.ts";
import type { Catalog } from "../lib/catalog/catalog.ts";
import {
  type CatalogEntry,
  type CatalogEntryDraft,
  entryId,
} from "../lib/catalog/catalog_entry.ts";
import { type NarPacking, packedBound } from "../lib/nix/compression.ts";
import { FileObjects } from "../lib/nix/file_objects.ts";
import { pinClosure } from "../lib/nix/file_pins.ts";
import { moveClosure, type WrittenNarInfos } from "../lib/nix/move_closure.ts";
import type { NarPacker } from "../lib/nix/nar_packer.ts";
import type { NarSpool } from "../lib/nix/nar_spool.ts";
import { planStore, type StorePlan } from "../lib/nix/plan_store.ts";
import { resolveSources, type Sources } from "../lib/nix/resolve_sources.ts";
import type { SourcePath } from "../lib/nix/source_path.ts";
import { storeFailuresError } from "../lib/nix/store_failures.ts";
import { type StoreProof, verifyStore } from "../lib/nix/verify_store.ts";
import type { Figures, Plan, PlannedObject } from "../lib/operation/figures.ts";
import type { Operation, Step } from "../lib/operation/operation.ts";
import type { TaskContext } from "../lib/runner/context.ts";
import type { PublishOptions, PublishResult } from "./publish.ts";

/** Pins a closure; that the folder cannot be written to is told when something is written into it. */
async function pinIn(
  dir: string,
  closure: readonly SourcePath[],
  by: string,
): Promise<AsyncDisposable> {
  try {
    return await pinClosure(dir, closure, by);
  } catch (error) {
    if (typeof (error as { code?: unknown }).code !== "string") throw error;
    return { [Symbol.asyncDispose]: () => Promise.resolve() };
  }
}

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
  /** Keeps them. */
  spool: NarSpool;
  /** Ends what was begun, after the commit. */
  opened: AsyncDisposableStack;
  /** Opens the catalog. */
  openCatalog: (meter: Meter) => Catalog;
  /** Opens the stores. */
  openStores: (meter: Meter) => StorePlan["store"][];
}

interface PublishPlan extends Plan {
  sources: Sources;
  stores: readonly StorePlan[];
  catalog: Catalog;
  standing: CatalogEntry | undefined;
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
    const { options, packing, spool } = this.#parts;
    const { meter, signal } = step;
    const sources = await resolveSources(options.paths, {
      ...options.nix,
      dryRun: step.dryRun,
      signal,
    });
    const { closure } = sources;
    meter.note(
      `the closure has ${counted(closure.length, "path")}, ${formatBytes(narBytes(closure))}`,
    );
    const stores = this.#parts.openStores(meter);
    const catalog = this.#parts.openCatalog(meter);
    const [standing, ...outcomes] = await Promise.all([
      catalog.find(options, { signal }),
      ...stores.map(async (store) => {
        try {
          const replace = options.replace ?? false;
          return await planStore(store, closure, { packing, spool, replace, signal });
        } catch (error) {
          signal.throwIfAborted();
          return { store: store.cache.url, error };
        }
      }),
    ]);
    const failures = outcomes.filter((each) => "error" in each);
    if (failures.length > 0) throw storeFailuresError(failures);
    const plans = outcomes.filter((each) => "states" in each);
    const figures = await this.#figures(sources, plans, catalog, standing);
    return { sources, stores: plans, catalog, standing, ...figures };
  }

  async move(plan: PublishPlan, step: Step): Promise<WrittenNarInfos[]> {
    const { packing, packer, spool, context } = this.#parts;
    const { meter, record, signal } = step;
    using _use = await context.cache.use({ signal });
    for (const { store } of plan.stores) {
      const { writer } = store.cache;
      if (writer instanceof FileObjects) {
        this.#parts.opened.use(await pinIn(writer.dir, plan.sources.closure, this.subject));
      }
    }
    return await moveClosure(plan.stores, { packing, packer, spool, meter, record, signal });
  }

  async verify(plan: PublishPlan, moved: WrittenNarInfos[], step: Step): Promise<void> {
    const { meter, signal, record } = step;
    const depth = this.#parts.options.verify ?? "present";
    const outcomes = await Promise.all(
      plan.stores.map(({ store }, index) =>
        verifyStore(store, plan.sources.closure, {
          depth,
          written: moved[index] ?? new Map(),
          meter,
          now: Date.now,
          signal,
        })
      ),
    );
    const failures = outcomes.flatMap((outcome) => outcome.failures ?? []);
    if (failures.length > 0) throw storeFailuresError(failures);
    this.#proofs = outcomes.flatMap((outcome) => outcome.proof ?? []);
    for (const proof of this.#proofs) record(proof.store, "proven", { at: proof.at, depth });
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

  async #figures(
    { roots, closure }: Sources,
    stores: readonly StorePlan[],
    catalog: Catalog,
    standing: CatalogEntry | undefined,
  ): Promise<Plan> {
    const { packing, spool, options } = this.#parts;
    let bytesToMove = 0;
    let bytesToReuse = 0;
    let exact = true;
    let requests = catalog.requestsEach;
    const objects: PlannedObject[] = [];
    for (const { store, states, putInfo } of stores) {
      const { reader, writer } = store.cache;
      const sent = new Set<string>();
      if (putInfo) requests += writer.requestsFor(100);
      for (const state of states) {
        const { source, sendNar, gap, standing, narThere } = state;
        const label = `${source.storePath.path} -> ${store.cache.url}`;
        let sizeBytes = narThere?.fileSize ?? standing?.fileSize ?? 0;
        if (!sendNar) bytesToReuse += sizeBytes;
        else if (!sent.has(source.narHash)) {
          sent.add(source.narHash);
          const foreign = store.pusher !== undefined;
          const spooled = foreign ? undefined : await spool.find(source.narHash, packing);
          sizeBytes = foreign
            ? source.narSize
            : spooled?.fileSize ?? packedBound(packing, source.narSize);
          exact &&= !foreign && (spooled !== undefined || packing.compression === "none");
          bytesToMove += sizeBytes;
          requests += writer.requestsFor(sizeBytes);
        }
        if (gap !== undefined) requests += writer.requestsFor(1000);
        objects.push({ label, sizeBytes, state: sendNar ? "missing" : "present" });
      }
      requests += closure.length * (options.verify === "full" ? 3 : 2) * reader.requestsEach;
    }
    const lacking = stores.filter((plan) => plan.states.some((state) => state.gap !== undefined));
    if (standing !== undefined && !samePaths(standing.storePaths, roots)) {
      throw new CatalogConflictError(
        `Cannot commit "${this.subject}" to "${catalog.url}": it stands for other store paths`,
        { hint: "publish under another version", data: { standing: standing.storePaths } },
      );
    }
    const committed = standing?.current === true;
    const changed = lacking.length > 0 || !committed;
    return {
      changed,
      bytesToMove,
      bytesToReuse,
      exact,
      requests: changed ? requests : 0,
      why: why(stores, lacking, committed ? catalog.url : undefined, this.subject, closure.length),
      objects,
    };
  }
}

function why(
  stores: readonly StorePlan[],
  lacking: readonly StorePlan[],
  committedIn: string | undefined,
  id: string,
  paths: number,
): string {
  const parts = lacking.map(({ store, states }) => {
    const gaps = states.filter((state) => state.gap !== undefined);
    const reasons = [...new Set(gaps.map((state) => state.gap))].join(", ");
    return `"${store.cache.url}" lacks ${gaps.length} of ${counted(paths, "path")} (${reasons})`;
  });
  if (lacking.length === 0) {
    const names = stores.map(({ store }) => `"${store.cache.url}"`).join(" and ");
    parts.push(
      `${names} ${stores.length === 1 ? "has" : "have"} the narinfo and the NAR of ${
        paths === 1 ? "the one path" : `all ${paths} paths`
      }`,
    );
  }
  parts.push(
    committedIn === undefined
      ? `the catalog does not point to ${id} yet`
      : `"${committedIn}" points to ${id}`,
  );
  return parts.join(", ");
}

function samePaths(a: readonly string[], b: readonly string[]): boolean {
  return [...a].sort().join("\n") === [...b].sort().join("\n");
}

function narBytes(closure: readonly SourcePath[]): number {
  return closure.reduce((sum, { narSize }) => sum + narSize, 0);
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
