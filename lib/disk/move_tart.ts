/**
 * Brings the layers of a planned pull of a Tart image to their places.
 *
 * @module
 */
import { Hasher } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import { inParallel } from "../base/in_parallel.ts";
import { unpackAppleLz4 } from "../chunk/tart/apple_lz4.ts";
import { verified } from "../oci/verified.ts";
import type { Step } from "../operation/operation.ts";
import type { DiskSource } from "./disk_store.ts";
import { orElsewhere } from "./or_elsewhere.ts";
import { type FileIdentity, openWritten } from "./out_file.ts";
import type { TartPullPlan } from "./plan_tart_pull.ts";
import { SparseWriter } from "./sparse_writer.ts";
import { sameLayers, type TartLayer } from "./tart_disk.ts";
import { copyRegion } from "./tart_region.ts";
import { type Moving, tellMoving } from "./tell_moving.ts";

/** What {@linkcode moveTart} works with. */
export interface MoveTartOptions {
  /** Where the layers are. */
  readonly store: DiskSource;
  /** How many transfers are under way at a time. */
  readonly concurrency: number;
  /** The file that is written, which is open. */
  readonly written: FileIdentity;
}

/** Writes all layers that do not stand yet; the content of each is hashed, and the pull fails where it is wrong. */
export async function moveTart(
  { disk, out, standing, copies, missing }: TartPullPlan,
  { store, concurrency, written }: MoveTartOptions,
  step: Step,
): Promise<void> {
  const open = () => openWritten(out, written);
  {
    using target = await open();
    await target.truncate(disk.size);
  }
  const moving = tellMoving(step.meter, {
    pieces: store.requestsPerRead > 0 ? "requests" : "parts",
    wire: "fetched",
    wireBytes: sum(sameLayers(missing).map(([layer]) => layer.blob.size)),
    file: "written",
    fileBytes: sum([...missing, ...copies.map(({ layer }) => layer)].map(({ size }) => size)),
  });
  const reused = (bytes: number) => {
    step.meter.reused(bytes);
    moving.reused(bytes);
  };
  reused(sum(standing.map(({ size }) => size)));
  const fetched = [...missing];
  for (const { layer, from } of copies) {
    using target = await open();
    if (await copyRegion(from, target, layer, step.signal)) {
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
    Math.min(4, concurrency),
    step.signal,
    (layers, signal) => fetchLayers(store, layers, open, { ...step, signal, moving }),
  );
  moving.end();
}

/** Fetches one of layers that have the same content, and writes it at the place of each. */
async function fetchLayers(
  store: DiskSource,
  layers: readonly [TartLayer, ...TartLayer[]],
  open: () => Promise<Deno.FsFile>,
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
    using file = await open();
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

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
