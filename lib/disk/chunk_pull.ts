import { roomHint, withRoom } from "./with_room.ts";
import type { Digest } from "../base/digest.ts";
import { dataBytes } from "../chunk/chunk_table.ts";
import { checkFreeBytes } from "../base/disk_space.ts";
import { together } from "../base/together.ts";
import type { Step } from "../operation/operation.ts";
import { loadDisk } from "./disk_image.ts";
import { fileState, keepTable, rememberFile } from "./known_files.ts";
import { bytesToWrite, movePull } from "./move_pull.ts";
import { type DiskPullPlan, planPull } from "./plan_pull.ts";
import {
  giveName,
  mayMove,
  pulledDisk,
  type PullRequest,
  type PullWork,
  tellMoved,
} from "./pull_work.ts";
import { type FileIdentity, openOut, settle } from "./out_file.ts";
import { bytesToSave } from "./save_moved.ts";
import { keepDisk } from "./seen_disks.ts";

/** Plans the pull of a chunked disk. */
export async function chunkPull(request: PullRequest, step: Step): Promise<PullWork> {
  const { cache, file, store } = request;
  const image = await loadDisk(store, request.manifest, {
    cache,
    meter: step.meter,
    signal: step.signal,
  });
  const plan = await planPull(
    { ...request, image, requestsAfter: mayMove(store) ? 1 : 0 },
    step,
  );
  const result = pulledDisk(request, image.index.size);
  let table: Digest | undefined;
  let written: FileIdentity | undefined;
  return {
    ...plan,
    result,
    async move(step) {
      await keepDisk(cache, image, store.name);
      checkRoom(plan);
      written = await withRoom(plan.out, roomHint, () => openOut(plan.out, plan.seen));
      [table] = await together<[Digest, void]>([
        () => keepTable(cache, image.index),
        (signal) => {
          return withRoom(plan.out, roomHint, () => movePull(plan, request, { ...step, signal }));
        },
      ], step.signal);
    },
    verify: () => settle(plan.out, image.index.size, written!),
    async commit(step) {
      await giveName(file, plan.out, step);
      const state = fileState(await Deno.stat(file.path));
      // What was beside is known to nobody else until now, and its time was set back.
      const certain = plan.out !== file.path;
      await Promise.all([
        rememberFile(cache, file.path, table!, { ...state, certain }),
        tellMoved(request, step),
      ]);
      return result;
    },
  };
}

/**
 * Holds what a pull will write against what is free; a pull in place needs room for what the file grows by, of which its holes that are filled
 * are a part, and for what moves within it.
 */
function checkRoom(plan: DiskPullPlan): void {
  const { file, image, inPlace } = plan;
  if (!inPlace) return checkFreeBytes(plan.out, bytesToWrite(plan));
  const { size = 0, blocks } = file.info ?? {};
  const taken = typeof blocks === "number" ? blocks * 512 : size;
  const grows = Math.max(0, image.index.size - size, dataBytes(image.index) - taken);
  checkFreeBytes(plan.out, bytesToSave(plan) + Math.min(grows, bytesToWrite(plan)));
}
