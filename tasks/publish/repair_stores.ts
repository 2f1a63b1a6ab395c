/**
 * Restores what a proof found to be missing or damaged in the stores of an entry: from another of them, or from this machine.
 *
 * @module
 */
import { UsageError } from "../../lib/base/errors.ts";
import { ifThere } from "../../lib/base/files.ts";
import type { NarPacker } from "../../lib/nix/nar/nar_packer.ts";
import type { SourcePath } from "../../lib/nix/source_path.ts";
import { copyPath } from "../../lib/nix/stores/copy_path.ts";
import { moveClosure } from "../../lib/nix/stores/move_closure.ts";
import { planStore } from "../../lib/nix/stores/plan_store.ts";
import type { PublishStore } from "../../lib/nix/stores/publish_store.ts";
import type { StoreFailure } from "../../lib/nix/stores/store_failures.ts";
import type { Step } from "../../lib/operation/operation.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { checkedPacking } from "./options.ts";
import type { PublishSpool } from "./spool.ts";

/** The stores of an entry, and what of its closure is broken in each. */
export interface ProvenStores {
  closure: readonly SourcePath[];
  stores: readonly { store: PublishStore; failures: readonly StoreFailure[] }[];
}

/** What this machine repairs with. */
export interface RepairTools {
  /** The context of the task. */
  context: TaskContext;
  /** Packs paths of this machine. */
  packer: NarPacker;
  /** Has what was packed before. */
  spool: PublishSpool;
}

/**
 * Restores all that is broken.
 *
 * @throws {UsageError} if no store has one of the paths, nor this machine
 */
export async function repairStores(
  proven: ProvenStores,
  tools: RepairTools,
  step: Step,
): Promise<void> {
  const { cache } = tools.context;
  using _use = await cache.use({ signal: step.signal });
  await using folder = await cache.temporaryFolder("repair");
  for (const { store, failures } of proven.stores) {
    const broken = new Set(failures.map((failure) => failure.path));
    const paths = proven.closure.filter(({ storePath }) => broken.has(storePath.path));
    const left: SourcePath[] = [];
    for (const source of paths) {
      if (!await copyFromAnother(proven, store, source, folder.path, step)) left.push(source);
    }
    if (left.length > 0) await sendFromHere(store, left, tools, step);
  }
}

/** Copies a path from a store of the entry where it is whole. */
async function copyFromAnother(
  { stores }: ProvenStores,
  to: PublishStore,
  source: SourcePath,
  folder: string,
  { meter, signal, record }: Step,
): Promise<boolean> {
  const path = source.storePath.path;
  for (const { store: from, failures } of stores) {
    if (from === to || failures.some((failure) => failure.path === path)) continue;
    await copyPath(from, to, source, { folder, meter, signal });
    record(path, "copied", { from: from.cache.url, to: to.cache.url });
    return true;
  }
  return false;
}

/** Sends what this machine has of them: the packed NAR in the cache, or the path. */
async function sendFromHere(
  store: PublishStore,
  paths: readonly SourcePath[],
  { packer, spool }: RepairTools,
  { meter, signal, record }: Step,
): Promise<void> {
  const packing = checkedPacking();
  for (const { storePath, narHash, files } of paths) {
    if (await ifThere(Deno.lstat(files)) !== undefined) continue;
    const spooled = await spool.find(narHash, packing);
    const digest = spooled && await packer.hash(spooled.path, spooled.fileSize);
    if (digest !== undefined && digest === spooled?.fileHash) continue;
    throw new UsageError(
      `Cannot repair "${storePath.path}" in "${store.cache.url}": no other store has it, nor this machine`,
      { hint: "build it again, then repair" },
    );
  }
  const plan = await planStore(store, paths, { packing, spool, replace: true, signal });
  // Whatever the plan thinks of them, these were found to be broken.
  const states = plan.states.map((state) => ({
    ...state,
    sendNar: true,
    gap: state.gap ?? ("its NAR is lost" as const),
  }));
  await moveClosure([{ ...plan, states }], { packing, packer, spool, meter, record, signal });
}
