/**
 * Pulls the disk of a Tart image, layer by layer; a layer whose plaintext stands here already is not fetched, and of equal ones one alone.
 *
 * @module
 */
import { formatBytes } from "../base/bytes.ts";
import type { Digest } from "../base/digest.ts";
import { checkFreeBytes, leastBlock, mayCompress, takenBytes } from "../base/disk_space.ts";
import { canRead } from "../base/files.ts";
import type { Step } from "../operation/operation.ts";
import { canTake } from "./can_take.ts";
import { isHalfWritten, leftBeside, unfinishedFile } from "./disk_file.ts";
import { moveTart } from "./move_tart.ts";
import { type FileIdentity, openOut, refuseUnsteady, settle, whileOurs } from "./out_file.ts";
import { sayBegun } from "./pull_journal.ts";
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
import type { PulledFile } from "./pulled_file.ts";
import { readTart, sameLayers, type TartLayer } from "./tart_disk.ts";
import { regionDigest, type TartRegion } from "./tart_region.ts";
import { tellReading } from "./tell_reading.ts";
import { roomHint, withRoom } from "./with_room.ts";

/** Plans the pull of a Tart image. */
export async function tartPull(request: PullRequest, step: Step): Promise<PullWork> {
  const { store, file, manifest } = request;
  const disk = readTart(manifest, store.name);
  const { partials, journals } = await leftBeside(file);
  let inPlace = request.inPlace && file.info !== undefined;
  let out = inPlace ? file.path : file.partial(manifest.digest);
  let seen = inPlace ? file.info : unfinishedFile(out);
  let written: FileIdentity | undefined;
  const unfinishedBases = partials.map(({ path }) => path)
    .filter((path) => path !== out && canRead(path));
  const canTakeFile = !inPlace && canTake(file, step.meter);
  const bases = [...canTakeFile ? [file.path] : [], ...unfinishedBases, ...request.bases];
  const paths = [...new Set([...(seen === undefined ? [] : [out]), ...bases])];
  const readers = new Map(
    paths.map((path) => [path, tellReading(step.meter, path, disk.size, { isAlone: false })]),
  );
  const digestIn = (path: string, layer: TartLayer) => {
    const onRead = readers.get(path)!;
    return regionDigest(path, layer, { signal: step.signal, onRead });
  };
  const elsewhere: TartLayer[] = [];
  const known = new Map<Digest, TartRegion>();
  const copies: { layer: TartLayer; from: TartRegion }[] = [];
  let standsWhole = (inPlace || canTakeFile) && file.info?.size === disk.size;
  for (const layer of disk.layers) {
    let from: string | undefined;
    for (const path of paths) {
      step.signal.throwIfAborted();
      if (from === undefined && await digestIn(path, layer) === layer.digest) from = path;
    }
    if (from === undefined) {
      elsewhere.push(layer);
    } else {
      const region = { path: from, offset: layer.offset };
      known.set(layer.digest, region);
      if (from !== out) copies.push({ layer, from: region });
    }
    standsWhole &&= from !== undefined &&
      (from === file.path || await digestIn(file.path, layer) === layer.digest);
  }
  const missing: TartLayer[] = [];
  for (const layer of elsewhere) {
    const from = known.get(layer.digest);
    if (from === undefined) missing.push(layer);
    else copies.push({ layer, from });
  }
  const toFetch = sameLayers(missing);
  await store.lookFor?.(toFetch.map(([layer]) => layer.blob), step.signal);
  if (standsWhole) {
    // What stands whole stays, also where an earlier pull has still to be cleared away.
    [inPlace, out, seen] = [true, file.path, file.info];
    copies.length = 0;
  }
  const unfinished = isHalfWritten(file) || partials.length + journals.length > 0;
  const changed = !standsWhole || unfinished;
  const pulled: PulledFile = { file, out, seen, stands: standsWhole };
  if (changed) await foreseeName(pulled);
  else await refuseUnsteady(file.path, file.info!);
  const bytesToMove = sum(toFetch.map(([layer]) => layer.blob.size));
  const bytesToReuse = disk.size - sum(missing.map((layer) => layer.size));
  const result = pulledDisk(request, disk.size);
  const writing = [...missing, ...copies.map((copy) => copy.layer)];
  const stands = disk.layers.filter((layer) => !writing.includes(layer));
  const checkRoom = () => {
    const ownBytes = seen === undefined ? 0 : Math.max(0, takenBytes(seen) - sum(stands.map(size)));
    const journal = inPlace && !standsWhole && !mayCompress(out) ? leastBlock : 0;
    const grows = Math.max(0, sum(writing.map(leastRoom)) - ownBytes);
    checkFreeBytes(out, grows + journal, file.path);
  };

  return {
    changed,
    bytesToMove: changed ? bytesToMove : 0,
    bytesToReuse,
    exact: true,
    requests: changed ? toFetch.length * store.requestsPerRead + (mayMove(store) ? 1 : 0) : 0,
    why: changed
      ? `${missing.length} of ${disk.layers.length} layers are not on this machine: ` +
        `${formatBytes(bytesToMove)} to fetch`
      : `"${file.path}" holds every layer of ${manifest.digest}, each hashed now`,
    objects: sameLayers(disk.layers).map(([layer]) => ({
      label: layer.blob.digest,
      sizeBytes: layer.blob.size,
      state: missing.includes(layer) ? "missing" as const : "present" as const,
    })),
    result,
    async foresee() {
      await foreseeOut(pulled, false);
      checkRoom();
    },
    move: (step) =>
      withRoom(out, roomHint, async () => {
        checkRoom();
        const opened = written = await openOut(pulled, request.held);
        if (standsWhole) return step.meter.reused(disk.size);
        if (inPlace) await sayBegun(file, manifest.digest);
        const move = { disk, out, written: opened, stands, copies, missing };
        await whileOurs(out, opened, () => moveTart(move, request, step));
      }),
    async verify() {
      await settle(pulled, disk.size, written!);
      await refuseNewUser(request, pulled);
    },
    async commit(step) {
      await giveName(pulled, written!, step);
      await tellMoved(request, step);
      return result;
    },
  };
}

/** How many bytes a layer takes for sure: its zeros are written nowhere, and LZ4 packs at most 255 of them into a byte. */
function leastRoom({ blob, size }: TartLayer): number {
  return Math.max(0, blob.size - Math.ceil(size / 200));
}

function size(layer: TartLayer): number {
  return layer.size;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
