import { type Chunker, sameChunker } from "../lib/chunk/chunker.ts";
import { dataBytes, holeRow } from "../lib/chunk/chunk_table.ts";
import { diffTables } from "../lib/chunk/diff_tables.ts";
import { parseReference } from "../lib/oci/reference.ts";
import type { Figures, Plan } from "../lib/operation/figures.ts";
import { runOperation } from "../lib/operation/run_operation.ts";
import type { Step } from "../lib/operation/operation.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../lib/runner/context.ts";
import { type DiskImage, loadDisk, resolveDisk } from "./disk_image.ts";
import { checkOnline } from "./disk_options.ts";
import { openDiskStore } from "./disk_store.ts";

/** Options of {@linkcode inspectDisk}. */
export interface InspectDiskOptions {
  /** The disk: `docker://host/repository[:tag][@digest]` or `oci:folder[:tag]`. */
  reference: string;
  /** Hosts that are spoken to in plain HTTP; loopback hosts always are. */
  insecureRegistries?: readonly string[] | undefined;
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
  const context = resolveContext(ctx);
  return await look(context, options, [options.reference], ([image]) => shapeOf(image!));
}

/** Options of {@linkcode diffDisks}. */
export interface DiffDisksOptions {
  /** The disk that one has. */
  from: string;
  /** The disk that one wants. */
  to: string;
  /** Hosts that are spoken to in plain HTTP; loopback hosts always are. */
  insecureRegistries?: readonly string[] | undefined;
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
  const context = resolveContext(ctx);
  return await look(context, options, [options.from, options.to], ([from, to]) => ({
    sameChunker: sameChunker(from!.index.chunker, to!.index.chunker),
    ...diffTables(from!.index, to!.index),
  }));
}

async function look<R extends object>(
  context: TaskContext,
  options: { insecureRegistries?: readonly string[] | undefined },
  names: readonly string[],
  tell: (images: readonly DiskImage[]) => R,
): Promise<R & Figures> {
  const references = names.map(parseReference);
  checkOnline(context, ...references);
  const { cache, signal } = context;
  return await runOperation<Plan & { result: R }, void, R>({
    kind: "disk",
    subject: names.join(" and "),
    async plan(step: Step) {
      const images: DiskImage[] = [];
      const { meter } = step;
      for (const reference of references) {
        using store = openDiskStore(reference, "source", {
          meter,
          signal,
          redactor: context.redactor,
          insecureRegistries: options.insecureRegistries,
        });
        images.push(await loadDisk(store, await resolveDisk(store), { cache, meter, signal }));
      }
      return {
        changed: false,
        bytesToMove: images.reduce((sum, image) => sum + image.fetchedBytes, 0),
        bytesToReuse: 0,
        exact: true,
        requests: 0,
        why: "only manifests and indexes were read",
        objects: [],
        result: tell(images),
      };
    },
    move: () => Promise.resolve(),
    verify: () => Promise.resolve(),
    commit: (plan) => Promise.resolve(plan.result),
    standing: (plan) => plan.result,
  }, context);
}

function shapeOf({ manifest, index, indexBytes }: DiskImage): DiskShape {
  const total = (column: Uint32Array) => column.reduce((sum, value) => sum + value, 0);
  const storedBytes = total(index.stored);
  const packBytes = total(index.packSizes);
  return {
    digest: manifest.digest,
    sizeBytes: index.size,
    dataBytes: dataBytes(index),
    chunker: index.chunker,
    chunks: index.lengths.length,
    chunkBytes: total(index.lengths),
    storedBytes,
    holes: index.rows.reduce((count, row) => row === holeRow ? count + 1 : count, 0),
    packs: index.packSizes.length,
    packBytes,
    wasteBytes: packBytes - storedBytes,
    indexBytes: indexBytes.length,
  };
}
