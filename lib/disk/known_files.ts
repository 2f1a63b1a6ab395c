/**
 * What the cache knows of files on this machine: their chunk tables, as long as the file system says that they are as they were.
 *
 * Invariants: a table that comes from here is a guess of where chunks may be, and every chunk is hashed when it is taken; only a push
 * trusts it for what a file holds, and a pull in place for where it has holes, which are not chunks; both only if size, inode, mtime and ctime
 * are those of the record, and a write would have shown: the file rested for two seconds and was brought to the disk before it was read, or its
 * mtime was set back when it got its name.
 *
 * @module
 */
import { join } from "@std/path";
import { type Digest, digestOf } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { canRead, folderNames, ifThere } from "../base/files.ts";
import { buckets } from "../cache/buckets.ts";
import type { Cache } from "../cache/cache.ts";
import { readEnvelope } from "../cache/read_envelope.ts";
import type { ChunkTable } from "../chunk/chunk_table.ts";
import { type Chunker, sameChunker } from "../chunk/chunker.ts";
import { decodeLocalTable } from "../chunk/decode_index.ts";
import { encodeIndex } from "../chunk/encode_index.ts";
import { keepBytes } from "./keep_bytes.ts";
import * as v from "valibot";
import { freeMemory } from "../base/free_memory.ts";

const knownSchema = v.object({
  path: v.string(),
  size: v.number(),
  mtimeMs: v.number(),
  ctimeMs: v.number(),
  ino: v.number(),
  dev: v.number(),
  certain: v.optional(v.boolean(), false),
  table: v.pipe(v.string(), v.check((text) => isDigest(text), "not a digest")),
});
type Known = v.InferOutput<typeof knownSchema>;

/** What the file system says of a file. */
export type FileState = Omit<Known, "path" | "certain" | "table">;

/** What the file system said of a file when it was read. */
export interface SeenState extends FileState {
  /** Whether a write after that would show: the file {@linkcode rested} and was brought to the disk, or its time was {@linkcode setBackTime | set back}. */
  readonly certain: boolean;
}

/** A file whose table is known. */
export interface KnownFile {
  /** Its absolute path. */
  readonly path: string;
  /** Its table. */
  readonly table: ChunkTable;
  /** Whether the table may be taken for what the file holds, without reading it. */
  readonly certain: boolean;
}

const restMs = 2000;
const mostFiles = 64;

/** What the file system says of a file. */
export function fileState(info: Deno.FileInfo): FileState {
  return {
    size: info.size,
    mtimeMs: info.mtime?.getTime() ?? 0,
    ctimeMs: info.ctime?.getTime() ?? 0,
    ino: info.ino ?? 0,
    dev: info.dev,
  };
}

/** Whether a file was left alone for so long, before it is read, that a write after that cannot have the same mtime. */
export function rested(state: FileState): boolean {
  return Date.now() - Math.max(state.mtimeMs, state.ctimeMs) >= restMs;
}

/**
 * Sets the mtime of a file back, so that a write gives it another one, however soon it comes and however coarse the clock of the file system.
 *
 * @returns that time, as the file system keeps it, in milliseconds since 1970
 */
export async function setBackTime(path: string): Promise<number> {
  const time = new Date(Date.now() - restMs);
  await Deno.utime(path, time, time);
  return fileState(await Deno.stat(path)).mtimeMs;
}

/** Whether two looks at a file saw the same state. */
export function sameState(a: FileState, b: FileState): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs &&
    a.ino === b.ino && a.dev === b.dev;
}

/** Keeps a table, for a file that is to be remembered once it is what the table says. */
export async function keepTable(cache: Cache, table: ChunkTable): Promise<Digest> {
  const bytes = bytesOf(table);
  const digest = await digestOf(bytes);
  await keepBytes(cache, bytes, digest);
  freeMemory(bytes);
  return digest;
}

/** Whether the cache has a table, of whatever file. */
export async function hasTable(cache: Cache, table: ChunkTable): Promise<boolean> {
  const bytes = bytesOf(table);
  const has = await cache.blobs.has(await digestOf(bytes), bytes.length);
  freeMemory(bytes);
  return has;
}

/** A table as it is kept: without the packs of an index. */
function bytesOf({ chunker, size, digests, lengths, rows, rowOffsets }: ChunkTable) {
  return encodeIndex({ chunker, size, digests, lengths, rows, rowOffsets });
}

/** Keeps what a file is made of, by its table that was kept; the file was in this state before and after it was read. */
export async function rememberFile(
  cache: Cache,
  path: string,
  digest: Digest,
  state: SeenState,
): Promise<void> {
  const absolute = await ifThere(Deno.realPath(path));
  if (absolute === undefined) return; // It was moved away meanwhile.
  await entryOf(cache, absolute).write(
    { path: absolute, ...state, table: digest },
    { refs: [digest], by: `disk ${absolute}` },
  );
}

/** The table of a file, if the file is still in the state in which it was read. */
export async function knownFile(cache: Cache, path: string): Promise<KnownFile | undefined> {
  const absolute = await ifThere(Deno.realPath(path));
  if (absolute === undefined) return undefined;
  const record = await entryOf(cache, absolute).read();
  return record === undefined ? undefined : await loadKnown(cache, record.value);
}

/** The table to take a known file's holes from, without reading them; `undefined` if they are not certain. */
export function certainHoles(known: KnownFile | undefined): ChunkTable | undefined {
  return known?.certain === true ? known.table : undefined;
}

/** {@linkcode knownFile}, which reads the table of each file once, and of one that was read before not again. */
export function knownOnce(
  cache: Cache,
  before?: KnownFile,
): (path: string) => Promise<KnownFile | undefined> {
  const asked = new Map<string, Promise<KnownFile | undefined>>();
  if (before !== undefined) asked.set(before.path, Promise.resolve(before));
  return (path) => {
    const known = asked.get(path) ?? knownFile(cache, path);
    asked.set(path, known);
    return known;
  };
}

/**
 * Files on this machine that were cut by the same chunker, the latest first; nothing is read for the paths in `except`. There may be many, so that
 * the memory of each table is given back when the next one is asked for.
 */
export async function* knownFiles(
  cache: Cache,
  chunker: Chunker,
  except: readonly string[],
): AsyncGenerator<KnownFile> {
  const folder = cache.bucket(buckets.disks).shard("files").dir;
  const records: { updated: string; value: Known }[] = [];
  for (const shard of await folderNames(folder)) {
    for (const name of await folderNames(join(folder, shard))) {
      if (!name.endsWith(".json")) continue;
      const { envelope } = await readEnvelope(join(folder, shard, name));
      const parsed = v.safeParse(knownSchema, envelope?.value);
      if (envelope !== undefined && parsed.success && !except.includes(parsed.output.path)) {
        records.push({ updated: envelope.updated, value: parsed.output });
      }
    }
  }
  records.sort((a, b) => b.updated.localeCompare(a.updated));
  for (const { value } of records.slice(0, mostFiles)) {
    if (!canRead(value.path)) continue; // It is another user's.
    const known = await loadKnown(cache, value);
    if (known === undefined) continue;
    try {
      if (sameChunker(known.table.chunker, chunker)) yield known;
    } finally {
      const { digests, lengths, rows, rowOffsets } = known.table;
      for (const column of [digests, lengths, rows, rowOffsets]) freeMemory(column);
    }
  }
}

async function loadKnown(cache: Cache, known: Known): Promise<KnownFile | undefined> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(known.path);
  } catch {
    return undefined; // Gone, or not ours to read: then it cannot serve.
  }
  if (!info.isFile || !sameState(fileState(info), known)) return undefined;
  const blob = await cache.blobs.find(known.table as Digest);
  if (blob === undefined) return undefined;
  const bytes = await ifThere(Deno.readFile(blob.path));
  if (bytes === undefined || await digestOf(bytes) !== known.table) return undefined;
  const table = decodeLocalTable(bytes);
  freeMemory(bytes);
  return { path: known.path, table, certain: known.certain };
}

function entryOf(cache: Cache, absolute: string) {
  return cache.bucket(buckets.disks).shard("files").entry(absolute, knownSchema);
}
