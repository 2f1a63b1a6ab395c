/**
 * Reads the index of a disk: out of the cache; else it is fetched, and the pages that an earlier index has too are taken from there.
 *
 * Invariants: what is made of an index was read from the bytes that the digest of its blob says, wherever they came from; a page that was taken wrongly
 * costs a second fetch and nothing else; an index is in memory as a whole only where that is asked for, or where pages are taken for it, which is done
 * for indexes up to 64 MiB; of the earlier indexes, which may be large, only the pages are read that are taken.
 *
 * @module
 */
import { encodeHex } from "@std/encoding";
import { VerificationError } from "../base/errors.ts";
import { ifThere } from "../base/files.ts";
import { freeMemory } from "../base/free_memory.ts";
import type { Meter } from "../base/meter.ts";
import type { Cache } from "../cache/cache.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";
import { readAt } from "../chunk/file_pieces.ts";
import { decodeDirectory, directoryBytes, type IndexDirectory } from "../chunk/index_directory.ts";
import { indexLimits, pageIdBytes } from "../chunk/index_layout.ts";
import { RangeRefusedError } from "../oci/registry/range_refused_error.ts";
import type { DiskSource } from "./disk_store.ts";
import { orElsewhere } from "./or_elsewhere.ts";
import { once, piecesOf } from "./pieces_of.ts";
import { type ReadIndex, readPieces, type TakeIndex } from "./read_pieces.ts";
import { seenDisks } from "./seen_disks.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const smallBytes = 64 * 1024;
const largeBytes = 64 * 1024 * 1024;
const gapBytes = 32 * 1024;
const mostIndexes = 8;

/** What fetching an index needs. */
export interface FetchIndexOptions {
  /** How many packs the manifest lists. */
  packs: number;
  /** Holds indexes. */
  cache: Cache;
  /** Told of what was fetched. */
  meter: Meter;
  /** Ends it. */
  signal: AbortSignal;
  /** Whether the index is wanted as it is stored, too, which takes as much memory again. @default {false} */
  keepsBytes?: boolean | undefined;
}

/** What was made of an index, and how many bytes were fetched for it. */
export interface FetchedIndex<T> extends ReadIndex<T> {
  /** How many. */
  readonly fetchedBytes: number;
}

/**
 * What `take` makes of the index that a blob holds; for bytes that turn out to be others it is called again.
 *
 * @throws {VerificationError} if the index cannot be had, or contradicts itself
 */
export async function fetchIndex<T>(
  store: DiskSource,
  blob: DiskBlob,
  options: FetchIndexOptions,
  take: TakeIndex<T>,
): Promise<FetchedIndex<T>> {
  const { cache, meter, signal, keepsBytes = false } = options;
  if (blob.size > indexLimits.storedBytes) {
    throw new VerificationError(
      `Cannot read ${blob.digest} of "${store.name}": it has ${blob.size} bytes, more than ${indexLimits.storedBytes}`,
      { side: "source" },
    );
  }
  const from = (pieces: AsyncIterable<Uint8Array>) =>
    readPieces(pieces, { blob, keepsBytes, name: store.name, take });
  const found = await cache.blobs.find(blob.digest, blob.size);
  const cached = found && await ifThere(from(piecesOf(found.path, 0)));
  if (cached !== undefined) return { ...cached(), fetchedBytes: 0 };
  let fetchedBytes = 0;
  if (blob.size > smallBytes && blob.size <= largeBytes && store.requestsPerRead > 0) {
    const known = await knownIndexes(cache);
    const parts = known.length === 0 ? undefined : await fetchParts(store, blob, options, known);
    if (parts !== undefined) {
      fetchedBytes = parts.fetchedBytes;
      meter.moved(fetchedBytes);
      const read = await from(once(parts.bytes, 0));
      freeMemory(parts.bytes);
      if (read !== undefined) return { ...read(), fetchedBytes };
    }
  }
  const read = await orElsewhere(store, blob, async () => {
    const read = await from(store.stream(blob, signal));
    if (read !== undefined) return read;
    throw new VerificationError(
      `Cannot use ${blob.digest} of "${store.name}": its bytes are not those of the digest`,
      { side: "source", data: { digest: blob.digest } },
    );
  });
  meter.moved(blob.size);
  return { ...read(), fetchedBytes: fetchedBytes + blob.size };
}

/** The directory and what no earlier index has; `undefined` where that cannot be. */
async function fetchParts(
  store: DiskSource,
  blob: DiskBlob,
  { packs, signal }: FetchIndexOptions,
  known: readonly string[],
): Promise<{ bytes: Bytes; fetchedBytes: number } | undefined> {
  const headBytes = directoryBytes(packs);
  if (headBytes >= blob.size) return undefined;
  const bytes = new Uint8Array(blob.size);
  let fetchedBytes = 0;
  const fetch = async (start: number, end: number) => {
    bytes.set(await store.range(blob, start, end, { signal }), start);
    fetchedBytes += end - start;
  };
  try {
    await fetch(0, headBytes);
    const directory = decodeDirectory(bytes.subarray(0, headBytes));
    if (directory.pageStarts.at(-1)! > blob.size) return undefined;
    const isThere = await takePages(directory, bytes, known);
    for (const [start, end] of missingParts(directory, blob.size, isThere)) {
      await fetch(start, end);
    }
  } catch (error) {
    if (error instanceof RangeRefusedError || error instanceof VerificationError) return undefined;
    throw error;
  }
  return { bytes, fetchedBytes };
}

/** Puts pages that earlier indexes have into place; gives 1 for each pack whose page is there. */
async function takePages(
  directory: IndexDirectory,
  bytes: Bytes,
  known: readonly string[],
): Promise<Uint8Array> {
  const isThere = new Uint8Array(directory.packSizes.length);
  const wanted = new Map(isThere.keys().map((pack) => [idOf(directory, pack), pack]));
  for (const path of known) {
    if (wanted.size === 0) break;
    // It may have been pruned while the directory came.
    using file = await ifThere(Deno.open(path));
    if (file === undefined) continue;
    for (const [id, at, end] of pagesOf(file)) {
      const pack = wanted.get(id);
      if (pack === undefined) continue;
      const place = bytes.subarray(directory.pageStarts[pack]!, directory.pageStarts[pack + 1]!);
      if (place.length !== end - at || readAt(file, at, place) < place.length) continue;
      isThere[pack] = 1;
      wanted.delete(id);
    }
  }
  return isThere;
}

/** What is missing; what lies between two missing parts is fetched along if it is small. */
function missingParts(
  { pageStarts }: IndexDirectory,
  size: number,
  isThere: Uint8Array,
): [start: number, end: number][] {
  const parts: [number, number][] = [];
  const miss = (start: number, end: number) => {
    const last = parts.at(-1);
    if (last !== undefined && start - last[1] <= gapBytes) last[1] = end;
    else if (end > start) parts.push([start, end]);
  };
  isThere.forEach((there, pack) => {
    if (there === 0) miss(pageStarts[pack]!, pageStarts[pack + 1]!);
  });
  miss(pageStarts.at(-1)!, size);
  return parts;
}

/** The files of the indexes that were seen last. */
async function knownIndexes(cache: Cache): Promise<string[]> {
  const paths: string[] = [];
  for (const { index } of (await seenDisks(cache)).slice(0, mostIndexes)) {
    const found = await cache.blobs.find(index);
    if (found !== undefined && found.size <= indexLimits.storedBytes / 16) paths.push(found.path);
  }
  return paths;
}

/** Where the pages of an index begin and end; of what is none, nothing. */
function* pagesOf(file: Deno.FsFile): Generator<[id: string, start: number, end: number]> {
  const head = new Uint8Array(directoryBytes(indexLimits.packs));
  try {
    const directory = decodeDirectory(head.subarray(0, readAt(file, 0, head)));
    const { pageStarts } = directory;
    for (let pack = 0; pack < directory.packSizes.length; pack++) {
      yield [idOf(directory, pack), pageStarts[pack]!, pageStarts[pack + 1]!];
    }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
  }
}

function idOf({ pageIds }: IndexDirectory, pack: number): string {
  return encodeHex(pageIds.subarray(pack * pageIdBytes, (pack + 1) * pageIdBytes));
}
