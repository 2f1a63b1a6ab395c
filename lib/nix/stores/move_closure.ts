/**
 * Brings what stores lack of a closure.
 *
 * Invariants: each NAR is packed once, however many stores lack it, the largest first; narinfos come after all NARs; a store that fails
 * holds up no other one.
 *
 * @module
 */
import { type Digest, sameDigest } from "../../base/digest.ts";
import type { PartMeter } from "../../base/meter.ts";
import { packedBound } from "../nar/compression.ts";
import type { MoveClosureOptions, WrittenNarInfos } from "./move_options.ts";
import type { SpooledNar } from "../nar/nar_spool.ts";
import { standingBytes, type StorePlan } from "./plan_store.ts";
import type { SourcePath } from "../source_path.ts";
import { storeFailuresError } from "./store_failures.ts";
import { StoreMove } from "./store_move.ts";
import { StorePush } from "./store_push.ts";

/**
 * Moves all that the plans name.
 *
 * @returns for each plan, what was written
 * @throws {KedgeError} the error of {@linkcode storeFailuresError} if a store failed
 */
export async function moveClosure(
  plans: readonly StorePlan[],
  options: MoveClosureOptions,
): Promise<WrittenNarInfos[]> {
  const { signal, meter } = options;
  const parts = new Map<StoreMove | StorePush, PartMeter>();
  const stores = plans.map((plan) => {
    const part = meter.part(plan.store.cache.url, boundOf(plan, options));
    const store = plan.store.pusher === undefined
      ? new StoreMove(plan, { ...options, meter: part })
      : new StorePush(plan, plan.store.pusher, { ...options, meter: part });
    parts.set(store, part);
    return store;
  });
  for (const state of plans.flatMap((plan) => plan.states)) {
    if (!state.sendNar) meter.reused(standingBytes(state));
  }
  const sources = new Map<Digest, SourcePath>();
  const written = plans.filter((plan) => plan.store.pusher === undefined);
  for (const { source, sendNar } of written.flatMap((plan) => plan.states)) {
    if (sendNar && !sources.has(source.narHash)) sources.set(source.narHash, source);
  }
  const largestFirst = [...sources.values()].sort((a, b) => b.narSize - a.narSize);
  // Small NARs are packed and kept while the threads are at work on the large ones.
  const lanes = [true, false].map((large) =>
    largestFirst.filter(({ narSize }) => options.packer.onThread(narSize) === large)
  );
  const begun = stores.map((store) => store.begin());
  const sending: Promise<void>[] = [];
  const each = Array.from({ length: options.packer.concurrency / lanes.length });
  const packers = lanes.flatMap((queue) =>
    each.map(async () => {
      for (let source = queue.shift(); source !== undefined; source = queue.shift()) {
        signal.throwIfAborted();
        const wanting = stores.filter((store) => store.wants(source.narHash));
        if (wanting.length === 0) continue;
        const nar = await spooled(source, options);
        const known = nar.fileSize - packedBound(options.packing, source.narSize);
        for (const store of wanting) parts.get(store)?.foresee(known);
        sending.push(...wanting.map((store) => store.send(source, nar)));
      }
    })
  );
  const packed = await Promise.allSettled(packers);
  await Promise.all([...begun, ...sending]);
  signal.throwIfAborted();
  const failed = packed.find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  const infos = await Promise.all(stores.map((store) => store.finish()));
  signal.throwIfAborted();
  const failures = stores.flatMap((store) => store.failures);
  if (failures.length > 0) throw storeFailuresError(failures);
  return infos;
}

/** The bytes that are to go to a store, at most. */
function boundOf({ store, states }: StorePlan, { packing }: MoveClosureOptions): number {
  const sizes = new Map(
    states.filter((state) => state.sendNar)
      .map(({ source }) => [
        source.narHash,
        store.pusher === undefined ? packedBound(packing, source.narSize) : source.narSize,
      ]),
  );
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

async function spooled(source: SourcePath, options: MoveClosureOptions): Promise<SpooledNar> {
  const { spool, packing, packer, record, meter } = options;
  const label = source.storePath.path;
  const standing = await spool.find(source.narHash, packing);
  if (standing !== undefined) {
    const digest = await packer.hash(standing.path, standing.fileSize);
    if (sameDigest(digest, standing.fileHash)) return { ...standing, fresh: true };
    meter.note(`the packed NAR of ${label} in the cache was changed; it is packed anew`, "warning");
    await spool.drop(standing, packing);
  }
  await using lease = await spool.lease();
  const { narHash, narSize } = source;
  record(label, "packing");
  const packed = await packer.pack({
    source: source.files,
    file: lease.path,
    packing,
    label,
    narHash,
    narSize,
  });
  const kept = await spool.keep(lease.path, packed, packing, label);
  record(label, "packed", { fileHash: kept.fileHash, fileSize: kept.fileSize });
  return kept;
}
