import type { Cache } from "../../lib/cache/cache.ts";
import { checkRows } from "../../lib/chunk/check_rows.ts";
import type { JobPool } from "../../lib/chunk/job_pool.ts";
import { mostWorkers } from "../../lib/chunk/most_workers.ts";
import { loadDisk } from "../../lib/disk/disk_image.ts";
import type { DiskSource } from "../../lib/disk/disk_store.ts";
import { isTart, readTart } from "../../lib/disk/tart_disk.ts";
import { regionDigest } from "../../lib/disk/tart_region.ts";
import { tellReading } from "../../lib/disk/tell_reading.ts";
import type { Manifest } from "../../lib/oci/manifest.ts";
import type { PlannedObject } from "../../lib/operation/figures.ts";
import type { Step } from "../../lib/operation/operation.ts";

/** A stretch of a file that is not what it should be. */
export interface Wrong {
  /** Where it begins. */
  readonly offset: number;
  /** How many bytes it has. */
  readonly length: number;
}

/** What {@linkcode compareFile} works with. */
export interface CompareFileOptions {
  /** The file. */
  readonly path: string;
  /** Its size in bytes. */
  readonly fileBytes: number;
  /** Where the disk is. */
  readonly store: DiskSource;
  /** Knows the index. */
  readonly cache: Cache;
  /** Hashes. */
  readonly pool: JobPool;
  /** Ends the reading, and takes its progress. */
  readonly step: Step;
}

/** The parts of a file that are not what they should be; of many, only the first are kept. */
export class WrongParts {
  /** How many there are. */
  count = 0;
  /** Their bytes. */
  bytes = 0;
  /** The first of them, by their place. */
  readonly first: Wrong[] = [];

  /** Takes the next one. */
  add(offset: number, length: number): void {
    this.count++;
    this.bytes += length;
    if (this.first.length < mostShown) this.first.push({ offset, length });
  }
}

const mostShown = 1000;

/** What a file should be and is not, and what was fetched to know it. */
export interface Compared {
  /** The size in bytes that it should have. */
  readonly sizeBytes: number;
  /** What is wrong. */
  readonly wrong: WrongParts;
  /** The bytes that were fetched. */
  readonly fetchedBytes: number;
  /** What was fetched or was there. */
  readonly objects: readonly PlannedObject[];
}

/** Reads a file, and compares it with the disk that a manifest describes. */
export async function compareFile(manifest: Manifest, of: CompareFileOptions): Promise<Compared> {
  return await (isTart(manifest) ? compareTart : compareChunks)(manifest, of);
}

async function compareChunks(manifest: Manifest, of: CompareFileOptions): Promise<Compared> {
  const { path, fileBytes, store, cache, pool, step: { meter, signal } } = of;
  const { index, indexBlob, fetchedBytes } = await loadDisk(store, manifest, {
    cache,
    meter,
    signal,
  });
  pool.narrow(mostWorkers(index.chunker));
  const rows = await checkRows(path, index, {
    pool,
    signal,
    sizeBytes: fileBytes,
    onCheck: tellReading(meter, path, fileBytes),
  });
  const wrong = new WrongParts();
  for (let row = 0; row < rows.length; row++) {
    const offset = index.rowOffsets[row]!;
    if (rows[row] === 0) wrong.add(offset, index.rowOffsets[row + 1]! - offset);
  }
  const state = fetchedBytes > 0 ? "missing" : "present";
  const label = `the index ${indexBlob.digest}`;
  const objects = [{ label, sizeBytes: indexBlob.size, state } as const];
  return { sizeBytes: index.size, wrong, fetchedBytes, objects };
}

async function compareTart(manifest: Manifest, of: CompareFileOptions): Promise<Compared> {
  const { path, fileBytes, store, step: { meter, signal } } = of;
  const { size, layers } = readTart(manifest, store.name);
  const reading = { signal, onRead: tellReading(meter, path, fileBytes) };
  const wrong = new WrongParts();
  for (const layer of layers) {
    if (await regionDigest(path, layer, reading) === layer.digest) continue;
    wrong.add(layer.offset, layer.size);
  }
  return { sizeBytes: size, wrong, fetchedBytes: 0, objects: [] };
}
