import type { ProofMemory } from "../../lib/nix/stores/proof_memory.ts";
import type { PublishStore } from "../../lib/nix/stores/publish_store.ts";
import type { SourcePath } from "../../lib/nix/source_path.ts";
import {
  type StoreFailure,
  storeFailuresError,
  type StoreFailuresErrorOptions,
} from "../../lib/nix/stores/store_failures.ts";
import {
  type HashFile,
  type StoreProof,
  type VerifyDepth,
  verifyStore,
} from "../../lib/nix/stores/verify_store.ts";
import type { WrittenNarInfos } from "../../lib/nix/stores/move_options.ts";
import type { Step } from "../../lib/operation/operation.ts";
import { toError } from "../../lib/base/errors.ts";

/** What proving several stores needs. */
export interface ProveStoresOptions {
  /** How deep to go. */
  depth: VerifyDepth;
  /** What was written just before, for each store. */
  moved: readonly WrittenNarInfos[];
  /** Keeps what was proven. */
  memory?: ProofMemory;
  /** Hashes the files of stores that are folders. */
  hash: HashFile;
  /** The step that this belongs to. */
  step: Step;
  /** How failures are told. */
  failing?: StoreFailuresErrorOptions;
}

/**
 * Proves a closure in all stores at once; the journal tells of each how it ended.
 *
 * @throws {KedgeError} the error of {@linkcode storeFailuresError} if one of them lacks anything
 */
export async function proveStores(
  stores: readonly PublishStore[],
  closure: readonly SourcePath[],
  options: ProveStoresOptions,
): Promise<StoreProof[]> {
  const { depth, moved, memory, hash, failing } = options;
  const { meter, signal, record } = options.step;
  const outcomes = await Promise.all(stores.map(async (store, index) => {
    const { url } = store.cache;
    record(url, "proving", { depth });
    const { proof, failures = [] } = await verifyStore(store, closure, {
      depth,
      written: moved[index] ?? new Map(),
      ...(memory === undefined ? {} : { memory }),
      hash,
      meter,
      now: Date.now,
      signal,
    });
    if (proof !== undefined) record(url, "proven", { at: proof.at, depth });
    else record(url, "not proven", inBrief(failures));
    return { proof, failures };
  }));
  const failures = outcomes.flatMap((outcome) => outcome.failures);
  if (failures.length > 0) throw storeFailuresError(failures, failing);
  return outcomes.flatMap(({ proof }) => proof ?? []);
}

/** How many failures, and the first of them. */
function inBrief(failures: readonly StoreFailure[]): Record<string, unknown> {
  const [first] = failures;
  return {
    failures: failures.length,
    ...(first?.path === undefined ? {} : { path: first.path }),
    message: toError(first?.error).message,
  };
}
