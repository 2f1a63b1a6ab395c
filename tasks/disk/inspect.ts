import type { Chunker } from "../../lib/chunk/chunker.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { ImageRegistriesOptions } from "../shared/registries.ts";

/** Options of {@linkcode inspectDisk}. */
export interface InspectDiskOptions extends ImageRegistriesOptions {
  /** The disk: `docker://host/repository[:tag][@digest]` or `oci:folder[:tag]`. */
  reference: string;
}

/** The shape of a disk in a registry. */
export interface DiskShape {
  /** The digest of its manifest. */
  digest: string;
  /** The size of the file in bytes. */
  sizeBytes: number;
  /** How many bytes of it are data, holes left out. */
  dataBytes: number;
  /** How it was cut. */
  chunker: Chunker;
  /** How many different chunks it has. */
  chunks: number;
  /** Their bytes. */
  chunkBytes: number;
  /** Their bytes as they are stored. */
  storedBytes: number;
  /** How many holes it has. */
  holes: number;
  /** How many packs it names. */
  packs: number;
  /** Their bytes. */
  packBytes: number;
  /** Bytes of the packs that no chunk of this disk lies in; `disk:push --repack` sheds them. */
  wasteBytes: number;
  /** The size of the index in bytes. */
  indexBytes: number;
}

/** What {@linkcode inspectDisk} gives. */
export interface InspectDiskResult extends Figures, DiskShape {}

/**
 * Tells the shape of a disk: its chunks, its packs, and how much of them is waste.
 *
 * @throws {VerificationError} if it is no disk, or its index lies
 * @throws {KedgeError} if there is no such disk
 */
export async function inspectDisk(
  options: InspectDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<InspectDiskResult> {
  const { runInspectDisk } = await import("./inspect_operation.ts");
  return await runInspectDisk(options, ctx);
}

/** Options of {@linkcode diffDisks}. */
export interface DiffDisksOptions extends ImageRegistriesOptions {
  /** The disk that one has. */
  from: string;
  /** The disk that one wants. */
  to: string;
}

/** What two disks have in common. */
export interface DisksDiff {
  /** Whether both were cut alike; otherwise they hardly share chunks. */
  sameChunker: boolean;
  /** Chunks of `to` that `from` has too. */
  commonChunks: number;
  /** Their bytes. */
  commonBytes: number;
  /** Chunks of `to` that `from` lacks. */
  newChunks: number;
  /** Their bytes. */
  newBytes: number;
  /** Their bytes as they are stored: what a pull moves, but for what it reads in vain. */
  newStoredBytes: number;
}

/** What {@linkcode diffDisks} gives. */
export interface DiffDisksResult extends Figures, DisksDiff {}

/**
 * Tells what someone who has one disk must fetch to have another.
 *
 * @throws {VerificationError} if one is no disk, or its index lies
 * @throws {KedgeError} if there is no such disk
 */
export async function diffDisks(
  options: DiffDisksOptions,
  ctx: TaskContextOptions = {},
): Promise<DiffDisksResult> {
  const { runDiffDisks } = await import("./inspect_operation.ts");
  return await runDiffDisks(options, ctx);
}
