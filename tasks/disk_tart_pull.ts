/**
 * Pulls the disk of a Tart image, layer by layer; a layer whose plaintext stands here already is not fetched.
 *
 * @module
 */
import { resolve } from "@std/path";
import { formatBytes } from "../lib/base/bytes.ts";
import { type Digest, Hasher } from "../lib/base/digest.ts";
import { checkFreeBytes } from "../lib/base/disk_space.ts";
import { UsageError, VerificationError } from "../lib/base/errors.ts";
import { unpackAppleLz4 } from "../lib/chunk/tart/apple_lz4.ts";
import { inParallel } from "../lib/chunk/write_chunks.ts";
import { isZero } from "../lib/chunk/zeros.ts";
import { verified } from "../lib/oci/verified.ts";
import type { Step } from "../lib/operation/operation.ts";
import { partialsOf, statIfThere } from "./disk_file.ts";
import {
  giveName,
  mayMove,
  pulledDisk,
  type PullRequest,
  type PullWork,
  settle,
  tellMoved,
} from "./disk_pull_work.ts";
import { readTart, type TartLayer } from "./disk_tart.ts";

const bufferBytes = 1024 * 1024;
const holeBytes = 64 * 1024;

/** Plans the pull of a Tart image. */
export async function tartPull(request: PullRequest, step: Step): Promise<PullWork> {
  const { store, file, manifest } = request;
  const disk = readTart(manifest, store.name);
  const inPlace = request.inPlace && file.info !== undefined;
  const out = inPlace ? file.path : file.partial(manifest.digest);
  const bases = [file.path, ...(await partialsOf(file)).map(({ path }) => path)];
  for (const base of request.bases) {
    if ((await statIfThere(base))?.isFile !== true) {
      throw new UsageError(`Cannot use the base "${base}": it is no file`);
    }
    bases.push(resolve(base));
  }

  const missing: TartLayer[] = [];
  const copies: { layer: TartLayer; from: string }[] = [];
  let standsWhole = file.info?.size === disk.size;
  for (const layer of disk.layers) {
    let from: string | undefined;
    for (const path of new Set([out, ...bases])) {
      step.signal.throwIfAborted();
      if (from === undefined && await regionDigest(path, layer, step.signal) === layer.digest) {
        from = path;
      }
    }
    if (from === undefined) missing.push(layer);
    else if (from !== out) copies.push({ layer, from });
    standsWhole &&= from !== undefined &&
      (from === file.path || await regionDigest(file.path, layer, step.signal) === layer.digest);
  }
  const changed = !standsWhole;
  const bytesToMove = sum(missing.map((layer) => layer.blob.size));
  const bytesToReuse = disk.size - sum(missing.map((layer) => layer.size));
  const result = pulledDisk(request, disk.size);

  return {
    changed,
    bytesToMove: changed ? bytesToMove : 0,
    bytesToReuse,
    exact: true,
    requests: changed ? missing.length * store.requestsPerRead + (mayMove(store) ? 1 : 0) : 0,
    why: changed
      ? `${missing.length} of ${disk.layers.length} layers are not on this machine: ` +
        `${formatBytes(bytesToMove)} to fetch`
      : `"${file.path}" holds every layer of ${manifest.digest}, each hashed now`,
    objects: disk.layers.map((layer) => ({
      label: layer.blob.digest,
      sizeBytes: layer.blob.size,
      state: missing.includes(layer) ? "missing" as const : "present" as const,
    })),
    result,
    async move(step) {
      checkFreeBytes(out, inPlace ? 0 : sum([...missing, ...copies.map((c) => c.layer)].map(size)));
      {
        using target = await Deno.open(out, { read: true, write: true, create: true });
        await target.truncate(disk.size);
      }
      const fetched = [...missing];
      const stands = disk.layers.filter((layer) =>
        !missing.includes(layer) && !copies.some((copy) => copy.layer === layer)
      );
      step.meter.reused(sum(stands.map(size)));
      for (const { layer, from } of copies) {
        if (await copyRegion(from, out, layer, step.signal)) {
          step.meter.reused(layer.size);
        } else {
          step.meter.note(
            `"${from}" changed meanwhile; ${layer.blob.digest} is fetched`,
            "warning",
          );
          fetched.push(layer);
        }
      }
      await inParallel(
        fetched,
        Math.min(4, request.concurrency),
        step.signal,
        (layer, signal) => fetchLayer(request, layer, out, step, signal),
      );
    },
    verify: () => settle(out, disk.size),
    async commit(step) {
      await giveName(file, out, step);
      await tellMoved(request, step);
      return result;
    },
  };
}

async function fetchLayer(
  { store }: PullRequest,
  layer: TartLayer,
  out: string,
  step: Step,
  signal: AbortSignal,
): Promise<void> {
  const { blob } = layer;
  using progress = step.meter.object(blob.digest, blob.size);
  const counted = async function* () {
    for await (const piece of store.stream(blob, signal)) {
      progress.moved(piece.length);
      yield piece;
    }
  };
  const packed = verified(blob, counted(), { name: store.name });
  const hasher = new Hasher();
  using file = await Deno.open(out, { read: true, write: true });
  let at = layer.offset;
  for await (const plain of unpackAppleLz4(packed, layer.size)) {
    signal.throwIfAborted();
    hasher.update(plain);
    await writeSparse(file, at, plain);
    at += plain.length;
  }
  if (hasher.digest() !== layer.digest) {
    throw new VerificationError(
      `Cannot use the layer ${blob.digest} of "${store.name}": its content is not ${layer.digest}`,
      { side: "source", data: { expected: layer.digest, actual: hasher.digest() } },
    );
  }
}

/** Copies a region; `false` if its bytes are not those of the layer by now. */
async function copyRegion(
  from: string,
  to: string,
  layer: TartLayer,
  signal: AbortSignal,
): Promise<boolean> {
  using source = await Deno.open(from);
  using target = await Deno.open(to, { read: true, write: true });
  const hasher = new Hasher();
  const buffer = new Uint8Array(bufferBytes);
  await source.seek(layer.offset, Deno.SeekMode.Start);
  for (let at = 0; at < layer.size;) {
    signal.throwIfAborted();
    const count = await source.read(buffer.subarray(0, Math.min(bufferBytes, layer.size - at)));
    if (count === null) return false;
    const piece = buffer.subarray(0, count);
    hasher.update(piece);
    await writeSparse(target, layer.offset + at, piece);
    at += count;
  }
  return hasher.digest() === layer.digest;
}

/** Writes bytes to a place; where they are zeros and the file has zeros too, nothing. */
async function writeSparse(file: Deno.FsFile, offset: number, bytes: Uint8Array): Promise<void> {
  const there = new Uint8Array(holeBytes);
  for (let at = 0; at < bytes.length; at += holeBytes) {
    const part = bytes.subarray(at, at + holeBytes);
    await file.seek(offset + at, Deno.SeekMode.Start);
    if (isZero(part)) {
      const count = await file.read(there.subarray(0, part.length));
      if (count === part.length && isZero(there, 0, count)) continue;
      await file.seek(offset + at, Deno.SeekMode.Start);
    }
    for (let written = 0; written < part.length;) {
      written += await file.write(part.subarray(written));
    }
  }
}

/** The digest of a layer's place in a file; `undefined` if the file ends before. */
export async function regionDigest(
  path: string,
  layer: TartLayer,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const info = await statIfThere(path);
  if (info?.isFile !== true || info.size < layer.offset + layer.size) return undefined;
  using file = await Deno.open(path);
  const hasher = new Hasher();
  const buffer = new Uint8Array(bufferBytes);
  await file.seek(layer.offset, Deno.SeekMode.Start);
  for (let left = layer.size; left > 0;) {
    signal.throwIfAborted();
    const count = await file.read(buffer.subarray(0, Math.min(bufferBytes, left)));
    if (count === null) return undefined;
    hasher.update(buffer.subarray(0, count));
    left -= count;
  }
  return hasher.digest();
}

function size(layer: TartLayer): number {
  return layer.size;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
