import type { Digest } from "../base/digest.ts";
import { checkFreeBytes, mayCompress } from "../base/disk_space.ts";
import { together } from "../base/together.ts";
import type { Step } from "../operation/operation.ts";
import { loadDisk } from "./disk_image.ts";
import { keepTable, rememberFile } from "./known_files.ts";
import { movePull } from "./move_pull.ts";
import { type DiskPullPlan, planPull } from "./plan_pull.ts";
import { giveName } from "./give_name.ts";
import {
  foreseeName,
  foreseeOut,
  mayMove,
  pulledDisk,
  type PullRequest,
  type PullWork,
  refuseNewUser,
  tellMoved,
} from "./pull_work.ts";
import { type FileIdentity, openOut, refuseUnsteady, settle, whileOurs } from "./out_file.ts";
import { checkCacheRoom } from "./room_for_cache.ts";
import { roomForPull } from "./room_for_pull.ts";
import { keepDisk } from "./seen_disks.ts";
import { whereRoom } from "./where_room.ts";
import { roomHint, withRoom } from "./with_room.ts";

/** Makes sure that there is room for what a pull writes; where the disk stands, the file system is not asked. */
function checkRoom(plan: DiskPullPlan): void {
  if (plan.stands) return;
  const mostBytes = roomForPull(plan, false);
  if (mostBytes === 0) return;
  const { file, out } = plan;
  checkFreeBytes(out, mayCompress(out) ? roomForPull(plan, true) : mostBytes, file.path);
}

/** Plans the pull of a chunked disk. */
export async function chunkPull(request: PullRequest, step: Step): Promise<PullWork> {
  const { cache, file, store } = request;
  const image = await loadDisk(store, request.manifest, {
    cache,
    meter: step.meter,
    signal: step.signal,
    keepsBytes: !step.dryRun,
  });
  const plan = await planPull(
    { ...request, image, requestsAfter: mayMove(store) ? 1 : 0 },
    step,
  );
  if (plan.changed) await foreseeName(plan);
  else await refuseUnsteady(file.path, plan.seen!);
  const result = pulledDisk(request, image.index.size);
  let table: Digest | undefined;
  let written: FileIdentity | undefined;
  return {
    ...plan,
    result,
    async foresee() {
      await foreseeOut(plan, plan.inPlace);
      checkRoom(plan);
    },
    async move(step) {
      checkRoom(plan);
      const open = () => openOut(plan, request.held);
      const opened = written = await withRoom(plan.out, roomHint, open);
      const hasRoom = await whereRoom(cache, step.meter, () => checkCacheRoom(plan, cache));
      const keep = async () => {
        await keepDisk(cache, { ...image, indexBytes: image.indexBytes! }, store.name);
        return await keepTable(cache, image.index);
      };
      [table] = await together<[Digest | undefined, void]>([
        async () => hasRoom ? await whereRoom(cache, step.meter, keep) : undefined,
        async (signal) => {
          if (plan.stands) return step.meter.reused(plan.bytesToReuse);
          const move = () => movePull(plan, { ...request, written: opened }, { ...step, signal });
          await withRoom(plan.out, roomHint, () => whileOurs(plan.out, opened, move));
        },
      ], step.signal);
    },
    async verify() {
      await settle(plan, image.index.size, written!);
      await refuseNewUser(request, plan);
    },
    async commit(step) {
      const state = await giveName(plan, written!, step);
      const remember = async () => {
        if (table === undefined || state === undefined) return;
        await rememberFile(cache, file.path, table, state);
      };
      await Promise.all([whereRoom(cache, step.meter, remember), tellMoved(request, step)]);
      return result;
    },
  };
}
