import { formatBytes } from "../base/bytes.ts";
import { KedgeError, UsageError } from "../base/errors.ts";
import { ifThere } from "../base/files.ts";
import type { Meter } from "../base/meter.ts";
import type { Cache } from "../cache/cache.ts";
import type { ChunkTable } from "../chunk/chunk_table.ts";
import { type Chunker, chunkerFor, type ChunkerKind, sameChunker } from "../chunk/chunker.ts";
import { detectBytes, detectContent, type DetectedContent } from "../chunk/detect_content.ts";
import { indexLimits } from "../chunk/index_layout.ts";
import type { JobPool } from "../chunk/job_pool.ts";
import { scanFile } from "../chunk/scan_file.ts";
import { lookAtDiskFile, ownFile } from "./disk_file.ts";
import { fileState, knownFile, rested, sameState, type SeenState } from "./known_files.ts";
import { writesShow } from "./writes_show.ts";
import { refuseFalseSize } from "./refuse_false_size.ts";
import { tellHoles } from "./tell_holes.ts";
import { tellReading } from "./tell_reading.ts";

/** How a file is cut for a push. */
export interface PushChunking {
  /** The kind, or `auto`. */
  chunker: ChunkerKind | "auto";
  /** The length in bytes. */
  chunkBytes: number | undefined;
  /** The disk whose chunks are to be found again. */
  like: Chunker | undefined;
}

/**
 * The chunker for a file, and why it is this one.
 *
 * @throws {UsageError} if the file is larger than an index can describe, or a length is asked for that cannot be
 */
export async function choosePushChunker(
  path: string,
  sizeBytes: number,
  { chunker, chunkBytes, like }: PushChunking,
): Promise<{ chunker: Chunker; why: string }> {
  if (sizeBytes > indexLimits.size) {
    throw new UsageError(
      `Cannot push "${path}": it has ${sizeBytes} bytes, more than ${
        formatBytes(indexLimits.size)
      }`,
    );
  }
  if (chunker !== "auto") {
    return { chunker: chunkerFor(chunker, sizeBytes, chunkBytes), why: "as asked for" };
  }
  if (like !== undefined && (chunkBytes === undefined || like.avgBytes === chunkBytes)) {
    return { chunker: like, why: "as the version before" };
  }
  const found = await contentOf(path, sizeBytes);
  return {
    chunker: chunkerFor(found.chunker, sizeBytes, chunkBytes),
    why: `since it is ${found.what}`,
  };
}

/** What the first bytes of a file say that it is. */
export async function contentOf(path: string, sizeBytes: number): Promise<DetectedContent> {
  using file = await Deno.open(path);
  const head = new Uint8Array(detectBytes);
  let filled = 0;
  for (let count: number | null = 0; count !== null && filled < head.length;) {
    count = await file.read(head.subarray(filled));
    filled += count ?? 0;
  }
  return detectContent(head.subarray(0, filled), sizeBytes);
}

/**
 * The file that is to be pushed.
 *
 * @throws {UsageError} if it is none, or does not end where its file system says
 * @throws {KedgeError} if a pull in place into it was cut off
 */
export async function lookAtPushedFile(path: string): Promise<Deno.FileInfo> {
  const info = await ifThere(Deno.stat(path));
  if (info?.isFile === true) {
    const { journal } = await lookAtDiskFile(path);
    if (ownFile(journal) === undefined) {
      refuseFalseSize(path, info.size);
      return info;
    }
    throw new KedgeError(`Cannot push "${path}": a pull into it did not end`, {
      side: "source",
      hint: `run disk:pull --in-place again, or remove "${journal}" if the file is as it should be`,
    });
  }
  const state = info === undefined
    ? "it is not there"
    : info.isDirectory
    ? "it is a folder"
    : "it is not a regular file";
  throw new UsageError(`Cannot push "${path}": ${state}`, { hint: "name a file" });
}

/** A file as it was found. */
export interface PushedFile {
  /** What it is made of. */
  table: ChunkTable;
  /** The state in which that is so. */
  state: SeenState;
  /** Whether it was read for that, and not vouched for by its file system. */
  read: boolean;
}

/**
 * What a file is made of: the known table where the file system vouches for it, else one made by reading all of it.
 *
 * @throws {KedgeError} if the file changes while it is read
 */
export async function readPushedFile(
  path: string,
  chunker: Chunker,
  of: { cache: Cache; pool: JobPool; signal: AbortSignal; meter: Meter; paranoid: boolean },
): Promise<PushedFile> {
  const info = await lookAtPushedFile(path);
  const before = fileState(info);
  const known = of.paranoid ? undefined : await knownFile(of.cache, path);
  if (known?.certain === true && sameChunker(known.table.chunker, chunker)) {
    return { table: known.table, state: { ...before, certain: true }, read: false };
  }
  const { pool, signal, meter } = of;
  const certain = rested(before) && await writesShow(path);
  tellHoles(meter, path, info, certain);
  const onRead = tellReading(meter, path, before.size);
  const table = await scanFile(path, chunker, { pool, signal, onRead });
  const after = fileState(await Deno.stat(path));
  if (!sameState(before, after) || table.size !== after.size) {
    throw new KedgeError(`Cannot push "${path}": it changed while it was read`, {
      side: "source",
      hint: "stop what writes to it, or push a snapshot of it",
    });
  }
  return { table, state: { ...after, certain }, read: true };
}
