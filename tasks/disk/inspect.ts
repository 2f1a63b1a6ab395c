import type { Chunker } from "../../lib/chunk/chunker.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { ImageRegistriesOptions } from "../shared/registry_rules.ts";

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
  /** Bytes of the packs that belong to no chunk of this disk; `disk:push --repack` leaves them out. */
  wasteBytes: number;
  /** The size of the index in bytes. */
  indexBytes: number;
}

/** What {@linkcode inspectDisk} gives. */
export interface InspectDiskResult extends Figures, DiskShape {}

/**
 * Shows the shape of a disk: its chunks, its packs, and how much of the packs is waste.
 *
 * Only the manifest and the index are read, whose format is specified in `lib/chunk/FORMAT.md`.
 *
 * @throws {VerificationError} if it is not a disk, or its index contradicts itself
 * @throws {KedgeError} if there is no such disk
 *
 * @example
 * ```ts
 * import { inspectDisk, pushDisk } from "@kedge/kedge";
 * import { Cache } from "@kedge/kedge/cache";
 *
 * const dir = await Deno.makeTempDir();
 * const ctx = { cache: new Cache(`${dir}/cache`) };
 * await Deno.writeTextFile(`${dir}/vm.img`, "a small disk");
 * const reference = `oci:${dir}/disks:1`;
 * await pushDisk({ file: `${dir}/vm.img`, reference }, ctx);
 * const { sizeBytes, chunks } = await inspectDisk({ reference }, ctx); // 12 bytes, 1 chunk
 * ```
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
  /** The disk that is there. */
  from: string;
  /** The disk that is wanted. */
  to: string;
}

/** What two disks have in common. */
export interface DisksDiff {
  /** Whether both were cut in the same way; otherwise they hardly share chunks. */
  sameChunker: boolean;
  /** Chunks of `to` that `from` has too. */
  commonChunks: number;
  /** Their bytes. */
  commonBytes: number;
  /** Chunks of `to` that `from` lacks. */
  newChunks: number;
  /** Their bytes. */
  newBytes: number;
  /** Their bytes as they are stored: what a pull moves, except for gaps that it reads between chunks. */
  newStoredBytes: number;
}

/** What {@linkcode diffDisks} gives. */
export interface DiffDisksResult extends Figures, DisksDiff {}

/**
 * Compares two disks: how many chunks a machine that has one must download to have the other.
 *
 * @throws {VerificationError} if one is not a disk, or its index contradicts itself
 * @throws {KedgeError} if there is no such disk
 *
 * @example
 * ```ts
 * import { diffDisks } from "@kedge/kedge";
 *
 * export async function updateBytes(): Promise<number> {
 *   const disk = "docker://ghcr.io/acme/disk";
 *   return (await diffDisks({ from: `${disk}:1`, to: `${disk}:2` })).newStoredBytes;
 * }
 * ```
 */
export async function diffDisks(
  options: DiffDisksOptions,
  ctx: TaskContextOptions = {},
): Promise<DiffDisksResult> {
  const { runDiffDisks } = await import("./inspect_operation.ts");
  return await runDiffDisks(options, ctx);
}
