/**
 * Pulls the disk of a Tart image, layer by layer; a layer whose plaintext stands here already is not fetched, and of equal ones one alone.
 *
 * @module
 */
import { checkFreeBytes, leastBlock, mayCompress, takenBytes } from "../base/disk_space.ts";
import type { Step } from "../operation/operation.ts";
import { giveName } from "./give_name.ts";
import { moveTart } from "./move_tart.ts";
import { type FileIdentity, openOut, refuseUnsteady, settle, whileOurs } from "./out_file.ts";
import { planTartPull, type TartPullPlan } from "./plan_tart_pull.ts";
import { sayBegun } from "./pull_journal.ts";
import {
  foreseeName,
  foreseeOut,
  pulledDisk,
  type PullRequest,
  type PullWork,
  refuseNewUser,
  tellMoved,
} from "./pull_work.ts";
import type { TartLayer } from "./tart_disk.ts";
import { roomHint, withRoom } from "./with_room.ts";

/** Plans the pull of a Tart image. */
export async function tartPull(request: PullRequest, step: Step): Promise<PullWork> {
  const plan = await planTartPull(request, step);
  const { disk, file, out } = plan;
  if (plan.changed) await foreseeName(plan);
  else await refuseUnsteady(file.path, plan.seen!);
  const result = pulledDisk(request, disk.size);
  let written: FileIdentity | undefined;
  return {
    ...plan,
    result,
    async foresee() {
      await foreseeOut(plan, false);
      checkRoom(plan);
    },
    move: (step) =>
      withRoom(out, roomHint, async () => {
        checkRoom(plan);
        const opened = written = await openOut(plan, request.held);
        if (plan.stands) return step.meter.reused(disk.size);
        if (out === file.path) await sayBegun(file, request.manifest.digest);
        const move = () => moveTart(plan, { ...request, written: opened }, step);
        await whileOurs(out, opened, move);
      }),
    async verify() {
      await settle(plan, disk.size, written!);
      await refuseNewUser(request, plan);
    },
    async commit(step) {
      await giveName(plan, written!, step);
      await tellMoved(request, step);
      return result;
    },
  };
}

/** Makes sure that there is room for what a pull writes. */
function checkRoom({ file, out, seen, stands, standing, copies, missing }: TartPullPlan): void {
  const standingBytes = sum(standing.map(({ size }) => size));
  const ownBytes = seen === undefined ? 0 : Math.max(0, takenBytes(seen) - standingBytes);
  const writing = [...missing, ...copies.map(({ layer }) => layer)];
  const grows = Math.max(0, sum(writing.map(leastRoom)) - ownBytes);
  const journal = out === file.path && !stands && !mayCompress(out) ? leastBlock : 0;
  checkFreeBytes(out, grows + journal, file.path);
}

/** How many bytes a layer takes for sure: its zeros are written nowhere, and LZ4 packs at most 255 of them into a byte. */
function leastRoom({ blob, size }: TartLayer): number {
  return Math.max(0, blob.size - Math.ceil(size / 200));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
