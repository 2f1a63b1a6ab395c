/**
 * The files on this machine that may hold chunks of a disk.
 *
 * @module
 */
import { KedgeError } from "../base/errors.ts";
import { canRead, ifThere } from "../base/files.ts";
import type { Meter } from "../base/meter.ts";
import type { Cache } from "../cache/cache.ts";
import type { ChunkTable } from "../chunk/chunk_table.ts";
import { type Chunker, sameChunker } from "../chunk/chunker.ts";
import type { JobPool } from "../chunk/job_pool.ts";
import type { LocalSource } from "../chunk/locate_chunks.ts";
import { keepsMuch } from "../chunk/most_workers.ts";
import { scanFile } from "../chunk/scan_file.ts";
import { type DiskFile, leftBeside, ownFile } from "./disk_file.ts";
import { type KnownFile, knownFiles } from "./known_files.ts";
import { readJournal } from "./pull_journal.ts";
import { tellReading } from "./tell_reading.ts";

/** What the search for sources needs. */
export interface SourceSearch {
  /** The chunker of the disk. */
  readonly chunker: Chunker;
  /** Knows files. */
  readonly cache: Cache;
  /** What the cache knows of a file. */
  readonly known: (path: string) => Promise<KnownFile | undefined>;
  /** Hashes. */
  readonly pool: JobPool;
  /** Told what is read. */
  readonly meter: Meter;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** The table of a file: the known one, or one made by reading it all. */
export async function tableOfFile(path: string, search: SourceSearch): Promise<ChunkTable> {
  const known = await search.known(path);
  if (known !== undefined && sameChunker(known.table.chunker, search.chunker)) return known.table;
  const { pool, signal, chunker, meter } = search;
  const { size } = await Deno.stat(path);
  const onRead = tellReading(meter, path, size);
  const rest = () => keepsMuch(chunker) && pool.rest();
  rest();
  const table = await scanFile(path, chunker, { pool, signal, onRead });
  rest();
  return table;
}

/**
 * The bases that were named.
 *
 * @throws {KedgeError} if one goes away meanwhile
 */
export async function* namedSources(
  paths: readonly string[],
  search: SourceSearch,
): AsyncGenerator<LocalSource> {
  for (const path of paths) {
    const table = await ifThere(tableOfFile(path, search));
    if (table === undefined) {
      throw new KedgeError(`Cannot take chunks from "${path}": it went away while it was read`, {
        hint: "run the same command again, without this base if it is gone for good",
        side: "source",
      });
    }
    yield { path, table };
  }
}

/** Files that the cache knows, other than the given ones; nothing is read for them. Each has its table only until the next is asked for. */
export async function* foundSources(
  search: SourceSearch,
  except: readonly string[],
): AsyncGenerator<LocalSource> {
  yield* knownFiles(search.cache, search.chunker, except);
}

/** What earlier pulls of the same file left unfinished. */
export async function* unfinishedSources(
  file: DiskFile,
  search: SourceSearch,
  except: string,
): AsyncGenerator<LocalSource> {
  for (const { path } of (await leftBeside(file)).partials) {
    if (path === except || !canRead(path)) continue;
    // How much of it was written before its pull ended shows in its bytes alone.
    const table = await ifThere(tableOfFile(path, search));
    if (table !== undefined) yield { path, table };
  }
  const journal = await readJournal(file);
  if (journal !== undefined && ownFile(journal.saved) !== undefined) {
    yield { path: journal.saved, table: journal.table };
  }
}
