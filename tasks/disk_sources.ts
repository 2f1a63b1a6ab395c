/**
 * The files on this machine that may hold chunks of a disk.
 *
 * @module
 */
import { decodeBase64, encodeBase64 } from "@std/encoding";
import { resolve } from "@std/path";
import * as v from "valibot";
import { writeFileAtomic } from "../lib/base/atomic_file.ts";
import { UsageError } from "../lib/base/errors.ts";
import type { Meter } from "../lib/base/meter.ts";
import type { Cache } from "../lib/cache/cache.ts";
import { type Chunker, sameChunker } from "../lib/chunk/chunker.ts";
import type { ChunkTable } from "../lib/chunk/chunk_table.ts";
import { decodeLocalTable } from "../lib/chunk/decode_index.ts";
import { encodeIndex } from "../lib/chunk/encode_index.ts";
import type { JobPool } from "../lib/chunk/job_pool.ts";
import type { LocalSource } from "../lib/chunk/locate_chunks.ts";
import { scanFile } from "../lib/chunk/scan_file.ts";
import { type DiskFile, partialsOf, statIfThere } from "./disk_file.ts";
import { tellReading } from "./disk_reading.ts";
import { seenIndex } from "./disk_seen.ts";
import { knownFile, knownFiles } from "./disk_known.ts";

/** What the search for sources needs. */
export interface SourceSearch {
  /** The chunker of the disk. */
  readonly chunker: Chunker;
  /** Knows files. */
  readonly cache: Cache;
  /** Hashes. */
  readonly pool: JobPool;
  /** Told what is read. */
  readonly meter: Meter;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** The table of a file: the known one, or one made by reading it all. */
export async function tableOfFile(path: string, search: SourceSearch): Promise<ChunkTable> {
  const known = await knownFile(search.cache, path);
  if (known !== undefined && sameChunker(known.table.chunker, search.chunker)) return known.table;
  const { pool, signal, chunker, meter } = search;
  const { size } = await Deno.stat(path);
  return await scanFile(path, chunker, { pool, signal, onRead: tellReading(meter, path, size) });
}

/**
 * The bases that were named, each of which must be a file.
 *
 * @throws {UsageError} if one is not
 */
export async function namedSources(
  paths: readonly string[],
  search: SourceSearch,
): Promise<LocalSource[]> {
  const sources: LocalSource[] = [];
  for (const given of paths) {
    const path = resolve(given);
    if ((await statIfThere(path))?.isFile !== true) {
      throw new UsageError(`Cannot use the base "${given}": it is no file`);
    }
    sources.push({ path, table: await tableOfFile(path, search) });
  }
  return sources;
}

/** Files that the cache knows, other than the given ones; nothing is read for them. */
export async function foundSources(
  search: SourceSearch,
  except: readonly string[],
): Promise<LocalSource[]> {
  const known = await knownFiles(search.cache, search.chunker);
  return known.filter(({ path }) => !except.includes(path));
}

/** What earlier pulls of the same file left unfinished. */
export async function unfinishedSources(
  file: DiskFile,
  search: SourceSearch,
  except: string,
): Promise<LocalSource[]> {
  const sources: LocalSource[] = [];
  for (const { path, digest } of await partialsOf(file)) {
    if (path === except) continue;
    const seen = await seenIndex(search.cache, digest);
    const { chunker, pool, signal } = search;
    sources.push({ path, table: seen ?? await scanFile(path, chunker, { pool, signal }) });
  }
  const journal = await readJournal(file);
  if (journal !== undefined) sources.push({ path: file.saved, table: journal.table });
  return sources;
}

/** What the journal of a pull in place says. */
export interface PullJournal {
  /** The manifest that was being pulled. */
  readonly manifest: string;
  /** What lies in the file of saved chunks. */
  readonly table: ChunkTable;
}

const journalSchema = v.object({ version: v.literal(1), manifest: v.string(), table: v.string() });

/** The journal of a pull in place that did not end; `undefined` if there is none that can be read. */
export async function readJournal(file: DiskFile): Promise<PullJournal | undefined> {
  if ((await statIfThere(file.journal))?.isFile !== true) return undefined;
  try {
    const json: unknown = JSON.parse(await Deno.readTextFile(file.journal));
    const { manifest, table } = v.parse(journalSchema, json);
    return { manifest, table: decodeLocalTable(decodeBase64(table)) };
  } catch {
    return undefined; // It is damaged: then nothing that was saved can be found again.
  }
}

/** Writes the journal of a pull in place, before the first byte of the file is changed. */
export async function writeJournal(file: DiskFile, journal: PullJournal): Promise<void> {
  const table = encodeBase64(encodeIndex(journal.table));
  await writeFileAtomic(
    file.journal,
    JSON.stringify({ version: 1, manifest: journal.manifest, table }),
  );
}
