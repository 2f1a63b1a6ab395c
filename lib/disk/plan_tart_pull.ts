/**
 * Finds out, without writing anything, which layers of a Tart disk stand already, which lie elsewhere on this machine, and which must be
 * fetched.
 *
 * @module
 */
import { formatBytes } from "../base/bytes.ts";
import { canRead } from "../base/files.ts";
import type { Plan } from "../operation/figures.ts";
import type { Step } from "../operation/operation.ts";
import { canTake } from "./can_take.ts";
import { isHalfWritten, leftBeside, unfinishedFile } from "./disk_file.ts";
import { LayerFiles, type LocatedLayers } from "./layer_files.ts";
import { mayMove, type PullRequest } from "./pull_work.ts";
import type { PulledFile } from "./pulled_file.ts";
import { readTart, sameLayers, type TartDisk, type TartLayer } from "./tart_disk.ts";

/** What a pull of a Tart image is about to do. */
export interface TartPullPlan extends Plan, PulledFile, LocatedLayers {
  /** What is pulled. */
  readonly disk: TartDisk;
}

/** Plans the pull of a Tart image. */
export async function planTartPull(request: PullRequest, step: Step): Promise<TartPullPlan> {
  const { store, file, manifest } = request;
  const disk = readTart(manifest, store.name);
  const { partials, journals } = await leftBeside(file);
  const inPlace = request.inPlace && file.info !== undefined;
  const out = inPlace ? file.path : file.partial(manifest.digest);
  const seen = inPlace ? file.info : unfinishedFile(out);
  const takes = inPlace || canTake(file, step.meter);
  const paths = [
    ...seen === undefined ? [] : [out],
    ...takes ? [file.path] : [],
    ...partials.map(({ path }) => path).filter((path) => path !== out && canRead(path)),
    ...request.bases,
  ];
  const files = new LayerFiles(disk, paths, step);
  const located = await files.locate(out);
  const stands = takes && file.info?.size === disk.size && await files.holdsAll(file.path);
  await store.lookFor?.(sameLayers(located.missing).map(([layer]) => layer.blob), step.signal);
  const changed = !stands || isHalfWritten(file) || partials.length + journals.length > 0;
  return {
    disk,
    file,
    stands,
    // What stands whole stays, also where an earlier pull has still to be cleared away.
    ...stands
      ? { out: file.path, seen: file.info, standing: disk.layers, copies: [], missing: [] }
      : { out, seen, ...located },
    ...figures(request, disk, located.missing, changed),
  };
}

function figures(
  { store, file, manifest }: PullRequest,
  disk: TartDisk,
  missing: readonly TartLayer[],
  changed: boolean,
): Plan {
  const toFetch = sameLayers(missing);
  const bytesToFetch = toFetch.reduce((sum, [layer]) => sum + layer.blob.size, 0);
  return {
    changed,
    bytesToMove: changed ? bytesToFetch : 0,
    bytesToReuse: disk.size - missing.reduce((sum, { size }) => sum + size, 0),
    exact: true,
    requests: changed ? toFetch.length * store.requestsPerRead + (mayMove(store) ? 1 : 0) : 0,
    why: changed
      ? `${missing.length} of ${disk.layers.length} layers are not on this machine: ` +
        `${formatBytes(bytesToFetch)} to fetch`
      : `"${file.path}" holds every layer of ${manifest.digest}, each hashed now`,
    objects: sameLayers(disk.layers).map(([layer]) => ({
      label: layer.blob.digest,
      sizeBytes: layer.blob.size,
      state: missing.includes(layer) ? "missing" as const : "present" as const,
    })),
  };
}
