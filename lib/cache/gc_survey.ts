/**
 * What there is in a cache, as far as a collection must know.
 *
 * Invariants: blobs are looked at first, then leases, then pointers. A writer leases a blob, makes it appear, writes its pointer and
 * ends the lease, in this order; so a blob that was seen is either still leased or has a pointer that is seen too, even
 * where locks lie.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { isTemporaryName } from "../base/atomic_file.ts";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest.ts";
import { buckets } from "./buckets.ts";
import type { Cache } from "./cache.ts";
import { namedFilePath } from "./named_file.ts";
import { findPointers, type FoundPointer, refsOf } from "./pointers.ts";

/** A file or a folder with its age. */
export interface Aged {
  /** Its name. */
  name: string;
  /** Its path. */
  path: string;
  /** When it changed last, in milliseconds since 1970. */
  changedMs: number;
}

/** A blob with its age. */
export interface SurveyedBlob extends Aged {
  /** Its digest. */
  digest: Digest;
  /** Its size in bytes. */
  size: number;
}

/** What there is. */
export interface Survey {
  /** What live processes use. */
  leased: Set<Digest>;
  /** The lease files of processes that are gone. */
  deadLeases: string[];
  /** The pointers of all versions. */
  pointers: FoundPointer[];
  /** The blobs. */
  blobs: Map<Digest, SurveyedBlob>;
  /** Files among the blobs that are none. */
  strays: Aged[];
  /** Folders of buckets of older versions. */
  oldBuckets: Aged[];
  /** The folders of named files, and of which pointer each is. */
  files: (Aged & { pointer?: FoundPointer })[];
  /** Partial downloads. */
  partials: Aged[];
  /** Work under way. */
  temporaries: Aged[];
  /** What failed its check. */
  quarantined: Aged[];
}

/** Looks through a cache; nothing is changed. */
export async function surveyCache(cache: Cache, signal?: AbortSignal): Promise<Survey> {
  const at = (bucket: { folder: string }) => join(cache.dir, bucket.folder);
  const { blobs, strays } = await surveyBlobs(at(buckets.blobs), signal);
  const { leased, dead } = await cache.leases.read();
  const pointers: FoundPointer[] = [];
  for await (const pointer of findPointers(cache.dir)) {
    signal?.throwIfAborted();
    pointers.push(pointer);
    for (const digest of refsOf(pointer)) {
      if (!blobs.has(digest)) await addBlob(blobs, digest, cache.blobs.path(digest));
    }
  }
  const owners = new Map<string, FoundPointer>();
  for (const pointer of pointers) {
    const key = pointer.envelope?.key;
    if (key !== undefined) owners.set(dirname(namedFilePath(cache.dir, key, "x")), pointer);
  }
  const files = (await listAged(at(buckets.files))).map((folder) => {
    const pointer = owners.get(folder.path);
    return pointer === undefined ? folder : { ...folder, pointer };
  });
  const top = await listAged(cache.dir);
  return {
    leased,
    deadLeases: dead,
    pointers,
    blobs,
    strays,
    oldBuckets: top.filter(({ name }) => isOlderBucket(name)),
    files,
    partials: await listAged(at(buckets.partials)),
    temporaries: [
      ...await listAged(at(buckets.temporary)),
      ...top.filter(({ name }) => isTemporaryName(name)),
    ],
    quarantined: await listAged(at(buckets.quarantine)),
  };
}

/** Whether a folder is a bucket of this program in a version before this one's. */
function isOlderBucket(name: string): boolean {
  const match = /^([a-z]+)-v(\d+)$/.exec(name);
  return match !== null &&
    Object.values(buckets).some((bucket) =>
      bucket.name === match[1] && Number(match[2]) < bucket.version
    );
}

/** A blob that appeared after the blobs were looked at. */
async function addBlob(
  blobs: Map<Digest, SurveyedBlob>,
  digest: Digest,
  path: string,
): Promise<void> {
  const info = await statOf(path);
  if (info === undefined || !info.isFile) return;
  const changedMs = (info.ctime ?? info.mtime)?.getTime() ?? 0;
  blobs.set(digest, { digest, name: digest, path, changedMs, size: info.size });
}

async function surveyBlobs(
  folder: string,
  signal: AbortSignal | undefined,
): Promise<{ blobs: Map<Digest, SurveyedBlob>; strays: Aged[] }> {
  const blobs = new Map<Digest, SurveyedBlob>();
  const strays: Aged[] = [];
  const base = join(folder, "sha256");
  for (const shard of await namesOf(base)) {
    signal?.throwIfAborted();
    for (const name of await namesOf(join(base, shard))) {
      const path = join(base, shard, name);
      const info = await statOf(path);
      if (info === undefined) continue;
      const changedMs = (info.ctime ?? info.mtime)?.getTime() ?? 0;
      const digest = `sha256:${name}`;
      if (info.isFile && isDigest(digest) && name.startsWith(shard)) {
        blobs.set(digest, { digest, name, path, changedMs, size: info.size });
      } else {
        strays.push({ name, path, changedMs });
      }
    }
  }
  return { blobs, strays };
}

async function listAged(folder: string): Promise<Aged[]> {
  const found: Aged[] = [];
  for (const name of await namesOf(folder)) {
    const path = join(folder, name);
    const info = await statOf(path);
    if (info === undefined) continue;
    found.push({ name, path, changedMs: (info.ctime ?? info.mtime)?.getTime() ?? 0 });
  }
  return found;
}

async function namesOf(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return [];
    }
    throw error;
  }
}

async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
