/**
 * What there is in a cache, as far as a collection must know.
 *
 * Invariants: contents (blobs and archives) are looked at first, then leases, then pointers. A writer leases them, makes them appear, writes their pointer and
 * ends the lease, in this order; so what was seen is either still leased or has a pointer that is seen too, even
 * where locks lie.
 *
 * @module
 */
import { basename, dirname, join } from "@std/path";
import { isTemporaryName } from "../base/atomic_file.ts";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { folderNames, ifAllowed, ifThere } from "../base/files.ts";
import { buckets } from "./buckets.ts";
import type { Cache } from "./cache.ts";
import { copiedDigest, namedFilePath } from "./named_file.ts";
import { findPointers, type FoundPointer, refsOf } from "./pointers.ts";
import { seeTree } from "./read_tree.ts";

/** A file or a folder with its age. */
export interface Aged {
  /** Its name. */
  name: string;
  /** Its path. */
  path: string;
  /** When it changed last, in milliseconds since 1970. */
  changedMs: number;
}

/** A blob or an archive with its age. */
export interface SurveyedContents extends Aged {
  /** Which of the two it is. */
  kind: "blob" | "archive";
  /** Its digest. */
  digest: Digest;
  /** Its size in bytes. */
  size: number;
  /** By what another name of it can be told. */
  inode: string;
}

/** What there is. */
export interface Survey {
  /** What live processes use. */
  leased: Set<Digest>;
  /** Whether a live process uses something that is not among them. */
  allLeased: boolean;
  /** The lease files of processes that are gone. */
  deadLeases: string[];
  /** The pointers of all versions. */
  pointers: FoundPointer[];
  /** The blobs and archives. */
  contents: Map<Digest, SurveyedContents>;
  /** Those that pointers refer to and that are in the layer below alone. */
  below: Set<Digest>;
  /** What lies among them and is neither. */
  strays: Aged[];
  /** Folders of buckets of older versions. */
  oldBuckets: Aged[];
  /** The folders of named files, and of which pointer each is; it may be one of the layer below. Of one without a pointer, what it names. */
  files: (Aged & { pointer?: FoundPointer; named?: readonly Digest[] })[];
  /** Partial downloads. */
  partials: Aged[];
  /** Work under way. */
  temporaries: Aged[];
  /** What failed its check. */
  quarantined: Aged[];
  /** What this user may not look at, in the words of the system: what else is there, and what is needed, is not known in full then. */
  denied: string[];
}

/** Looks through a cache, which others use now or not; nothing is changed. */
export async function surveyCache(
  cache: Cache,
  signal: AbortSignal | undefined,
  inUse: boolean,
): Promise<Survey> {
  const at = (bucket: { folder: string }) => join(cache.dir, bucket.folder);
  const contents = new Map<Digest, SurveyedContents>();
  const strays: Aged[] = [];
  const denied: string[] = [];
  const allowed = <T>(looking: Promise<T>) => ifAllowed(looking, (why) => denied.push(why));
  await surveyContents("blob", at(buckets.blobs), { contents, strays, allowed, signal });
  await surveyContents("archive", at(buckets.archives), { contents, strays, allowed, signal });
  const { leased, all, dead, denied: leases } = await cache.leases.read(inUse);
  denied.push(...leases);
  const pointers: FoundPointer[] = [];
  const below = new Set<Digest>();
  const beside: string[] = [];
  for await (const pointer of findPointers(cache.dir, (path) => beside.push(path))) {
    signal?.throwIfAborted();
    pointers.push(pointer);
    if (pointer.denied !== undefined) denied.push(pointer.denied);
    for (const digest of refsOf(pointer)) {
      if (contents.has(digest)) continue;
      const found = await allowed(contentsAt("blob", digest, cache.blobs.path(digest))) ??
        await allowed(contentsAt("archive", digest, cache.archives.path(digest)));
      if (found !== undefined) contents.set(digest, found);
      else if (await isBelow(cache, digest)) below.add(digest);
    }
  }
  const owners = new Map<string, FoundPointer>();
  const own = (key: string, pointer: FoundPointer) => {
    const folder = dirname(namedFilePath(cache.dir, key, "x"));
    if (!owners.has(folder)) owners.set(folder, pointer);
  };
  for (const pointer of pointers) if (pointer.envelope) own(pointer.envelope.key, pointer);
  if (cache.lower !== undefined) {
    for await (const pointer of findPointers(cache.lower)) {
      signal?.throwIfAborted();
      if (pointer.envelope) own(pointer.envelope.key, pointer);
    }
  }
  const list = async (folder: string) => await allowed(listAged(folder)) ?? [];
  // Another user's: it tells nothing of what contents are needed.
  const ifSeen = <T>(looking: Promise<T>) => ifAllowed(looking, () => {});
  const files: Survey["files"] = [];
  for (const folder of await list(at(buckets.files))) {
    const pointer = owners.get(folder.path);
    for (const name of await ifSeen(folderNames(folder.path)) ?? []) {
      if (isTemporaryName(name)) beside.push(join(folder.path, name));
    }
    if (pointer !== undefined) files.push({ ...folder, pointer });
    else files.push({ ...folder, named: await ifSeen(namedIn(folder.path, contents)) ?? [] });
  }
  const top = await list(cache.dir);
  return {
    leased,
    allLeased: all,
    deadLeases: dead,
    pointers,
    contents,
    below,
    strays,
    oldBuckets: top.filter(({ name }) => isOlderBucket(name)),
    files,
    partials: await list(at(buckets.partials)),
    temporaries: [
      ...await list(at(buckets.temporary)),
      ...top.filter(({ name }) => isTemporaryName(name)),
      ...(await Promise.all(beside.map(async (path) => await ifSeen(aged(path)) ?? []))).flat(),
    ],
    quarantined: await list(at(buckets.quarantine)),
    denied: [...new Set(denied)],
  };
}

/** What the files of a folder are second names of, or copies. */
async function namedIn(
  folder: string,
  contents: ReadonlyMap<Digest, SurveyedContents>,
): Promise<Digest[]> {
  const found: Digest[] = [];
  for (const name of await folderNames(folder)) {
    const path = join(folder, name);
    const info = await ifThere(Deno.lstat(path));
    if (!info?.isFile) continue;
    const copied = await copiedDigest(path, info);
    if (copied !== undefined) found.push(copied);
    for (const { digest, inode } of contents.values()) {
      if (inode === inodeOf(info)) found.push(digest);
    }
  }
  return found;
}

/** Whether something that is not in a cache is in the layer below it, as far as that may be read. */
async function isBelow(cache: Cache, digest: Digest): Promise<boolean> {
  if (cache.lower === undefined) return false;
  return await ifAllowed(cache.sizeOf(digest), () => {}) !== undefined;
}

/** Whether a folder is a bucket of this program in a version before this one's. */
function isOlderBucket(name: string): boolean {
  const match = /^([a-z]+)-v(\d+)$/.exec(name);
  return match !== null &&
    Object.values(buckets).some((bucket) =>
      bucket.name === match[1] && Number(match[2]) < bucket.version
    );
}

/** What a digest names, if it is there and is a blob or an archive. */
async function contentsAt(
  kind: SurveyedContents["kind"],
  digest: Digest,
  path: string,
): Promise<SurveyedContents | undefined> {
  const info = await ifThere(Deno.lstat(path));
  if (info === undefined || (kind === "blob" ? !info.isFile : !info.isDirectory)) return undefined;
  const size = kind === "blob" ? info.size : (await seeTree(path))?.bytes ?? 0;
  const [changed, inode] = [changedMs(info), inodeOf(info)];
  return { kind, digest, name: digest, path, changedMs: changed, size, inode };
}

async function surveyContents(
  kind: SurveyedContents["kind"],
  folder: string,
  { contents, strays, allowed, signal }: {
    contents: Map<Digest, SurveyedContents>;
    strays: Aged[];
    allowed: <T>(looking: Promise<T>) => Promise<T | undefined>;
    signal: AbortSignal | undefined;
  },
): Promise<void> {
  const base = join(folder, "sha256");
  for (const shard of await allowed(folderNames(base)) ?? []) {
    signal?.throwIfAborted();
    const look = async (name: string) => {
      const path = join(base, shard, name);
      const digest = `sha256:${name}`;
      const isNamed = isDigest(digest) && name.startsWith(shard);
      const found = isNamed ? await contentsAt(kind, digest, path) : undefined;
      const info = found === undefined ? await ifThere(Deno.lstat(path)) : undefined;
      return { found, stray: info && { name, path, changedMs: changedMs(info) } };
    };
    const names = await allowed(folderNames(join(base, shard))) ?? [];
    const looked = await Promise.all(names.map((name) => allowed(look(name))));
    for (const { found, stray } of looked.filter((each) => each !== undefined)) {
      if (found !== undefined) contents.set(found.digest, found);
      if (stray !== undefined) strays.push(stray);
    }
  }
}

async function listAged(folder: string): Promise<Aged[]> {
  const names = await folderNames(folder);
  return (await Promise.all(names.map((name) => aged(join(folder, name))))).flat();
}

async function aged(path: string): Promise<Aged[]> {
  const info = await ifThere(Deno.lstat(path));
  return info === undefined ? [] : [{ name: basename(path), path, changedMs: changedMs(info) }];
}

function inodeOf({ dev, ino }: Deno.FileInfo): string {
  return `${dev}:${ino}`;
}

function changedMs(info: Deno.FileInfo): number {
  return (info.ctime ?? info.mtime)?.getTime() ?? 0;
}
