import { VerificationError } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import type { CopyPlan, PlannedManifest } from "./copy_plan.ts";
import type { ImageDestination, ImageSource } from "../image_store.ts";
import { LastBytes } from "../registry/last_bytes.ts";
import { describeManifest, type Manifest } from "../manifest.ts";
import { tighter } from "../../http/pace.ts";
import { pooled } from "../pooled.ts";

/** What a copy works with. */
export interface MoveCopyOptions {
  /** Takes the figures. */
  meter: Meter;
  /** Ends the copy. */
  signal: AbortSignal;
  /** Told of each blob that arrived. */
  onBlob?: ((digest: string, sizeBytes: number) => void) | undefined;
  /** Told once that only the last bytes are left. */
  onLastBytes?: (() => void) | undefined;
}

/** Moves the blobs that a plan found missing, the largest first. */
export async function moveBlobs(
  plan: CopyPlan,
  source: ImageSource,
  destination: ImageDestination,
  options: MoveCopyOptions,
): Promise<void> {
  const { meter, signal, onBlob, onLastBytes = () => {} } = options;
  meter.reused(plan.standingBytes);
  const last = new LastBytes(plan.missing.reduce((sum, { size }) => sum + size, 0), onLastBytes);
  const root = plan.manifests.find(({ depth }) => depth === 0)?.manifest;
  if (destination.takeAll !== undefined && root !== undefined) {
    await destination.takeAll(root, { source, missing: plan.missing, meter, signal, onBlob });
    return;
  }
  const largestFirst = plan.missing.toSorted((a, b) => b.size - a.size);
  const limit = tighter(source.limit, destination.limit);
  await pooled(largestFirst, limit, signal, async (descriptor, inner) => {
    using progress = meter.object(descriptor.digest, descriptor.size);
    const transfer = { descriptor, source, progress: last.watch(progress), signal: inner };
    try {
      await destination.put(transfer);
    } catch (error) {
      const wrong = error instanceof VerificationError && error.side === "source";
      if (!wrong || !source.distrust?.(descriptor)) throw error;
      meter.note(`${error.message}; fetching it elsewhere`, "warning");
      transfer.progress.restarted();
      await destination.put(transfer);
    }
    onBlob?.(descriptor.digest, descriptor.size);
  });
}

/**
 * Puts the manifests of a plan, children first, and makes the name point to the root, last of all; `commit` may put that off until the
 * roots of other copies are there too.
 */
export async function commitCopy(
  plan: CopyPlan,
  destination: ImageDestination,
  options: MoveCopyOptions,
  commit: (root: Manifest) => Promise<void> = (root) => destination.commit(root),
): Promise<void> {
  const { meter, signal } = options;
  const children = plan.manifests.filter(({ depth, present }) => depth > 0 && !present);
  const depths = [...new Set(children.map(({ depth }) => depth))].sort((a, b) => b - a);
  for (const depth of depths) {
    const level = children.filter((each) => each.depth === depth);
    const put = async ({ manifest, tags }: PlannedManifest) => {
      await destination.putManifest(manifest, tags);
      meter.moved(manifest.bytes.byteLength);
    };
    const free = level.filter(({ manifest }) => manifest.subject === undefined);
    await pooled(free, destination.limit, signal, put);
    // Those with a subject may share a list that has to be written anew for each of them.
    for (const each of level) if (!free.includes(each)) await put(each);
  }
  signal.throwIfAborted();
  const root = plan.manifests.find(({ depth }) => depth === 0);
  if (root === undefined) return;
  await commit(root.manifest);
  if (!root.present) meter.moved(describeManifest(root.manifest).size);
}
