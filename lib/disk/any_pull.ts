import { KedgeError, VerificationError } from "../base/errors.ts";
import { isSoonDone } from "../chunk/soon_done.ts";
import type { Step } from "../operation/operation.ts";
import { chunkPull } from "./chunk_pull.ts";
import { resolveDisk } from "./disk_image.ts";
import type { PullRequest, PullWork } from "./pull_work.ts";
import { isTart } from "./tart_disk.ts";

/** Plans the pull of a disk, of whichever kind its manifest says. */
export async function anyPull(
  request: Omit<PullRequest, "manifest">,
  step: Step,
): Promise<PullWork> {
  const resolved = { ...request, manifest: await resolveDisk(request.store) };
  const work = await orMoved(resolved, () => planOf(resolved, step));
  return { ...work, move: (step) => orMoved(resolved, () => work.move(step)) };
}

async function planOf(request: PullRequest, step: Step): Promise<PullWork> {
  if (!isTart(request.manifest)) {
    const sizeBytes = request.manifest.blobs.reduce((sum, { size }) => sum + size, 0);
    const planned = chunkPull(request, step);
    if (!isSoonDone(sizeBytes)) request.pool.start(); // There will be work for all of them.
    return await planned;
  }
  request.ahead?.stop();
  const { tartPull } = await import("./tart_pull.ts");
  return await tartPull(request, step);
}

/** Reads of a disk; where that fails, and the reference means another one by now, of which a registry may have made room, says so instead. */
async function orMoved<T>(
  { store, manifest }: Pick<PullRequest, "store" | "manifest">,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof VerificationError) || store.reference.digest !== undefined) throw cause;
    const now = await store.pointer().catch(() => undefined);
    if (now === undefined || now === manifest.digest) throw cause;
    throw new KedgeError(`Cannot go on with "${store.name}": it moved to ${now} meanwhile`, {
      side: "source",
      hint: "run the same command again: it then uses what the tag means now",
      cause,
    });
  }
}
