/**
 * Pulls the disk of a Tart image, layer by layer; a layer whose plaintext stands here already is not fetched, and of equal ones one alone.
 *
 * @module
 */
import { formatBytes } from "../base/bytes.ts";
import { type Digest, Hasher } from "../base/digest.ts";
import { checkFreeBytes, takenBytes } from "../base/disk_space.ts";
import { VerificationError } from "../base/errors.ts";
import { canRead } from "../base/files.ts";
import { inParallel } from "../base/in_parallel.ts";
import { unpackAppleLz4 } from "../chunk/tart/apple_lz4.ts";
import { verified } from "../oci/verified.ts";
import type { Step } from "../operation/operation.ts";
import { isHalfWritten, leftBeside, ownFile } from "./disk_file.ts";
import { sayBegun } from "./pull_journal.ts";
import { orElsewhere } from "./or_elsewhere.ts";
import { type FileIdentity, openOut, refuseTaken, refuseUnsteady, settle } from "./out_file.ts";
import { roomHint, withRoom } from "./with_room.ts";
import {
  foreseeName,
  foreseeOut,
  giveName,
  mayMove,
  pulledDisk,
  type PullRequest,
  type PullWork,
  refuseNewUser,
  tellMoved,
} from "./pull_work.ts";
import { SparseWriter } from "./sparse_writer.ts";
import { readTart, sameLayers, type TartLayer } from "./tart_disk.ts";
import { type Moving, tellMoving } from "./tell_moving.ts";
import { tellReading } from "./tell_reading.ts";
import { copyRegion, regionDigest, type TartRegion } from "./tart_region.ts";

/** Plans the pull of a Tart image. */
export async function tartPull(request: PullRequest, step: Step): Promise<PullWork> {
  const { store, file, manifest } = request;
  const disk = readTart(manifest, store.name);
  const { partials, journals } = await leftBeside(file);
  let inPlace = request.inPlace && file.info !== undefined;
  let out = inPlace ? file.path : file.partial(manifest.digest);
  let seen = inPlace ? file.info : ownFile(out);
  let written: FileIdentity | undefined;
  const unfinishedBases = partials.map(({ path }) => path).filter(canRead);
  const bases = [file.path, ...unfinishedBases, ...request.bases];
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
  let standsWhole = file.info?.size === disk.size;
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
  if (changed) await foreseeName(file, out);
  else await refuseUnsteady(file.path, file.info!);
  const bytesToMove = sum(toFetch.map(([layer]) => layer.blob.size));
  const bytesToReuse = disk.size - sum(missing.map((layer) => layer.size));
  const result = pulledDisk(request, disk.size);
  const writing = [...missing, ...copies.map((copy) => copy.layer)];
  const fileBytes = sum(writing.map(size));
  const stands = disk.layers.filter((layer) => !writing.includes(layer));
  const checkRoom = () => {
    const ownBytes = seen === undefined ? 0 : Math.max(0, takenBytes(seen) - sum(stands.map(size)));
    checkFreeBytes(out, sum(writing.map(leastRoom)) - ownBytes, file.path);
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
      await foreseeOut(file, out, { seen, stands: standsWhole, hasJournal: false });
      checkRoom();
    },
    move: (step) =>
      withRoom(out, roomHint, async () => {
        checkRoom();
        written = await openOut({ file, out, seen, stands: standsWhole, held: request.held });
        if (standsWhole) return step.meter.reused(disk.size);
        if (inPlace) await sayBegun(file, manifest.digest);
        await refuseTaken(out, written);
        const moving = tellMoving(step.meter, {
          pieces: store.requestsPerRead > 0 ? "requests" : "parts",
          wire: "fetched",
          wireBytes: bytesToMove,
          file: "written",
          fileBytes,
        });
        {
          using target = await Deno.open(out, { read: true, write: true });
          await target.truncate(disk.size);
        }
        const fetched = [...missing];
        const reused = (bytes: number) => {
          step.meter.reused(bytes);
          moving.reused(bytes);
        };
        reused(sum(stands.map(size)));
        for (const { layer, from } of copies) {
          if (await copyRegion(from, out, layer, step.signal)) {
            reused(layer.size);
            moving.file(layer.size);
          } else {
            step.meter.note(
              `"${from.path}" changed meanwhile; ${layer.blob.digest} is fetched`,
              "warning",
            );
            fetched.push(layer);
          }
        }
        await inParallel(
          sameLayers(fetched),
          Math.min(4, request.concurrency),
          step.signal,
          (layers, signal) => fetchLayers(request, layers, out, { ...step, signal, moving }),
        );
        moving.end();
      }),
    async verify() {
      await settle(out, disk.size, written!, standsWhole);
      await refuseNewUser(request, out);
    },
    async commit(step) {
      await giveName(file, out, step);
      await tellMoved(request, step);
      return result;
    },
  };
}

/** Fetches one of layers that have the same content, and writes it at the place of each. */
async function fetchLayers(
  { store }: PullRequest,
  layers: readonly [TartLayer, ...TartLayer[]],
  out: string,
  { meter, signal, moving }: Step & { moving: Moving },
): Promise<void> {
  const [layer] = layers;
  const { blob } = layer;
  const what = `the layer ${blob.digest} of "${store.name}"`;
  using progress = meter.object(blob.digest, blob.size);
  let [wired, written] = [0, 0];
  const counted = async function* () {
    for await (const piece of store.stream(blob, signal)) {
      progress.moved(piece.length);
      moving.wire(piece.length, 0);
      wired += piece.length;
      yield piece;
    }
    moving.wire(0);
  };
  await orElsewhere(store, blob, async () => {
    progress.restarted();
    moving.wire(-wired, 0);
    moving.file(-written);
    [wired, written] = [0, 0];
    const packed = verified(blob, counted(), { name: store.name });
    const hasher = new Hasher();
    using file = await Deno.open(out, { read: true, write: true });
    const writer = new SparseWriter(file);
    for await (const plain of unpackAppleLz4(packed, layer.size, what)) {
      signal.throwIfAborted();
      for (const { offset } of layers) {
        await writer.write(offset + hasher.size, plain);
        written += plain.length;
        moving.file(plain.length);
      }
      hasher.update(plain);
    }
    if (hasher.digest() !== layer.digest) {
      throw new VerificationError(
        `Cannot use ${what}: its content is not ${layer.digest}`,
        { side: "source", data: { expected: layer.digest, actual: hasher.digest() } },
      );
    }
  });
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
