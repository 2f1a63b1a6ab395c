/**
 * Fetches the index of a disk, of which the pages that an earlier index has too are taken from there.
 *
 * Invariants: what comes back has the digest of its blob, however it was put together; a page that was taken wrongly costs a second
 * fetch and nothing else; of the earlier indexes, which may be large,
 * only the pages are read that are taken.
 *
 * @module
 */
import { encodeHex } from "@std/encoding";
import { digestOf } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import { ifThere } from "../base/files.ts";
import type { Meter } from "../base/meter.ts";
import type { Cache } from "../cache/cache.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";
import { readAt } from "../chunk/file_pieces.ts";
import { decodeDirectory, directoryBytes, type IndexDirectory } from "../chunk/index_directory.ts";
import { indexLimits, pageIdBytes } from "../chunk/index_layout.ts";
import { RangeRefusedError } from "../oci/registry/range_refused_error.ts";
import type { DiskSource } from "./disk_store.ts";
import { readWhole } from "./read_whole.ts";
import { seenDisks } from "./seen_disks.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const smallBytes = 64 * 1024;
const gapBytes = 32 * 1024;
const mostIndexes = 8;

/** What fetching an index needs. */
export interface FetchIndexOptions {
  /** How many packs the manifest lists. */
  packs: number;
  /** Holds earlier indexes. */
  cache: Cache;
  /** Told of what was fetched. */
  meter: Meter;
  /** Ends it. */
  signal: AbortSignal;
}

/** The bytes of an index, and how many of them were fetched. */
export async function fetchIndex(
  store: DiskSource,
  blob: DiskBlob,
  options: FetchIndexOptions,
): Promise<{ bytes: Bytes; fetchedBytes: number }> {
  const { cache, meter, signal } = options;
  let fetchedBytes = 0;
  if (blob.size > smallBytes && blob.size <= indexLimits.storedBytes && store.requestsPerRead > 0) {
    const known = await knownIndexes(cache);
    const parts = known.length === 0 ? undefined : await fetchParts(store, blob, options, known);
    if (parts !== undefined) {
      fetchedBytes = parts.fetchedBytes;
      meter.moved(fetchedBytes);
      if (await digestOf(parts.bytes) === blob.digest) return parts;
    }
  }
  const bytes = await readWhole(store, blob, indexLimits.storedBytes, signal);
  meter.moved(bytes.length);
  return { bytes, fetchedBytes: fetchedBytes + bytes.length };
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
