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
  const manifest = await resolveDisk(request.store);
  if (!isTart(manifest)) return await chunkPull({ ...request, manifest }, step);
  request.ahead?.stop();
  const { tartPull } = await import("./tart_pull.ts");
  return await tartPull({ ...request, manifest }, step);
}
