/**
 * What a publish has to do, in figures and in words.
 *
 * Invariants: the requests are those that a run then makes; what is counted as bytes to move is exact or a bound, and says which; nothing is
 * committed over other store paths.
 *
 * @module
 */
import { counted } from "../../lib/base/counted.ts";
import { CatalogConflictError } from "../../lib/catalog/catalog_conflict_error.ts";
import type { Catalog } from "../../lib/catalog/catalog.ts";
import { type CatalogEntry, samePaths } from "../../lib/catalog/catalog_entry.ts";
import { type NarPacking, packedBound } from "../../lib/nix/nar/compression.ts";
import type { NarSpool } from "../../lib/nix/nar/nar_spool.ts";
import { type PathState, standingBytes, type StorePlan } from "../../lib/nix/stores/plan_store.ts";
import type { Sources } from "../../lib/nix/program/resolve_sources.ts";
import type { VerifyDepth } from "../../lib/nix/stores/verify_store.ts";
import type { Plan, PlannedObject } from "../../lib/operation/figures.ts";
import { isNamed } from "./is_named.ts";

/** What was found out. */
export interface FoundState {
  /** What is to be published. */
  sources: Sources;
  /** How it stands in each store. */
  stores: readonly StorePlan[];
  /** The catalog. */
  catalog: Catalog;
  /** The entry as it stands there. */
  standing: CatalogEntry | undefined;
}

/** A publish, planned. */
export interface PublishPlan extends Plan, FoundState {}

/** What the figures depend on besides. */
export interface PublishPlanOptions {
  /** How NARs are packed. */
  packing: NarPacking;
  /** NARs that lie ready. */
  spool: NarSpool;
  /** How deep the proof goes. */
  depth: VerifyDepth;
}

/**
 * Makes a plan of what was found out.
 *
 * @param id the entry's id
 * @throws {CatalogConflictError} if the entry stands for other store paths
 */
export async function publishPlan(
  id: string,
  found: FoundState,
  options: PublishPlanOptions,
): Promise<PublishPlan> {
  const { sources, stores, catalog, standing } = found;
  if (standing !== undefined && !samePaths(standing.storePaths, sources.roots)) {
    throw new CatalogConflictError(
      `Cannot commit "${id}" to "${catalog.url}": it already exists with other store paths`,
      { hint: "publish under another version", data: { standing: standing.storePaths } },
    );
  }
  const figures = { bytesToMove: 0, bytesToReuse: 0, exact: true, requests: catalog.requestsEach };
  const objects: PlannedObject[] = [];
  for (const plan of stores) {
    const { reader, writer } = plan.store.cache;
    const sent = new Set<string>();
    if (plan.putInfo) figures.requests += writer.requestsFor(100);
    for (const state of plan.states) {
      const { source, sendNar, gap } = state;
      let sizeBytes = standingBytes(state);
      if (!sendNar) figures.bytesToReuse += sizeBytes;
      else if (!sent.has(source.narHash)) {
        sent.add(source.narHash);
        const packed = await packedBytes(plan, state, options);
        sizeBytes = packed.bytes;
        figures.exact &&= packed.exact;
        figures.bytesToMove += sizeBytes;
        figures.requests += writer.requestsFor(sizeBytes);
      }
      // What stands there is read right before it is changed.
      const each = state.standing === undefined ? 1 : 2;
      if (gap !== undefined) figures.requests += each * writer.requestsFor(1000);
      const label = `${source.storePath.path} -> ${plan.store.cache.url}`;
      objects.push({ label, sizeBytes, state: sendNar ? "missing" : "present" });
    }
    const proving = options.depth === "full" ? 3 : 2;
    figures.requests += sources.closure.length * proving * reader.requestsEach;
  }
  const lacking = stores.filter((plan) => plan.states.some((state) => state.gap !== undefined));
  const committed = standing?.current === true;
  const unnamed = stores.map(({ store }) => store.cache.url)
    .filter((url) => committed && !isNamed(standing, url));
  const changed = lacking.length > 0 || !committed || unnamed.length > 0;
  return {
    ...found,
    ...figures,
    changed,
    requests: changed ? figures.requests : 0,
    why: [
      ...lacking.map(whatIsMissing),
      ...(lacking.length === 0 ? whatIsThere(stores, sources.closure.length) : []),
      committed ? `"${catalog.url}" points to ${id}` : `the catalog does not point to ${id} yet`,
      ...unnamed.map((url) => `the entry in the catalog does not name "${url}" yet`),
    ].join(", "),
    objects,
  };
}

/** The size of a NAR that is to be sent, as far as it is known before it is packed. */
async function packedBytes(
  { store }: StorePlan,
  { source }: PathState,
  { packing, spool }: PublishPlanOptions,
): Promise<{ bytes: number; exact: boolean }> {
  if (store.pusher !== undefined) return { bytes: source.narSize, exact: false };
  const spooled = await spool.find(source.narHash, packing);
  if (spooled !== undefined) return { bytes: spooled.fileSize, exact: true };
  return { bytes: packedBound(packing, source.narSize), exact: packing.compression === "none" };
}

function whatIsMissing({ store, states }: StorePlan): string {
  const gaps = states.filter((state) => state.gap !== undefined);
  const reasons = [...new Set(gaps.map((state) => state.gap))].join(", ");
  return `"${store.cache.url}" lacks ${gaps.length} of ${
    counted(states.length, "path")
  } (${reasons})`;
}

/** One sentence for all stores that were asked alike. */
function whatIsThere(stores: readonly StorePlan[], paths: number): string[] {
  const all = paths === 1 ? "the one path" : `all ${paths} paths`;
  const asked = stores.filter((plan) => plan.provenAt === undefined);
  const names = asked.map(({ store }) => `"${store.cache.url}"`).join(" and ");
  return [
    ...(asked.length === 0
      ? []
      : [`${names} ${asked.length === 1 ? "has" : "have"} the narinfo and the NAR of ${all}`]),
    ...stores.filter((plan) => plan.provenAt !== undefined).map(({ store, provenAt = 0 }) =>
      `"${store.cache.url}" has the NAR of ${all}, with the narinfos that were proven at ${
        new Date(provenAt).toISOString()
      }`
    ),
  ];
}
