/**
 * What there is in a cache, as far as a collection must know.
 *
 * Invariants: contents (blobs and archives) are looked at first, then leases, then pointers. A writer leases them, makes them appear, writes their pointer and
 * ends the lease, in this order; so what was seen to have come is either still leased or has a pointer that is seen too, even
 * where locks lie. Of what was there before, nobody begins to need any while the lock of the leases is held: it is taken in between.
 *
 * @module
 */
import { basename, dirname, join } from "@std/path";
import { isTemporaryName } from "../base/atomic_file.ts";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { folderNames, ifAllowed, ifThere } from "../base/files.ts";
import { type Aged, aged, contentsAt, inodeOf, listAged, type SurveyedContents } from "./aged.ts";
import { buckets } from "./buckets.ts";
import type { Cache } from "./cache.ts";
import { copiedDigest, namedFilePath } from "./named_file.ts";
import { findPointers, type FoundPointer, refsOf } from "./pointers.ts";

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

/**
 * Looks through a cache, which others use now or not; nothing is changed.
 *
 * @param lockLeases called once before it is asked what is needed
 */
export async function surveyCache(
  cache: Cache,
  signal: AbortSignal | undefined,
  inUse: boolean,
  lockLeases?: () => Promise<void>,
): Promise<Survey> {
  return await new CacheSurvey(cache, signal).see(inUse, lockLeases);
}

class CacheSurvey {
  readonly #cache: Cache;
  readonly #signal: AbortSignal | undefined;
  readonly #contents = new Map<Digest, SurveyedContents>();
  readonly #pointers: FoundPointer[] = [];
  readonly #below = new Set<Digest>();
  readonly #strays: Aged[] = [];
  /** The paths of work under way that lies beside what it is to become. */
  readonly #beside: string[] = [];
  readonly #denied: string[] = [];

  constructor(cache: Cache, signal: AbortSignal | undefined) {
    this.#cache = cache;
    this.#signal = signal;
  }

  async see(inUse: boolean, lockLeases?: () => Promise<void>): Promise<Survey> {
    await this.#seeContents("blob", buckets.blobs);
    await this.#seeContents("archive", buckets.archives);
    await lockLeases?.();
    const leases = await this.#cache.leases.read(inUse);
    this.#denied.push(...leases.denied);
    await this.#seePointers();
    const files = await this.#seeFiles(await this.#owners());
    const top = await this.#list(this.#cache.dir);
    return {
      leased: leases.leased,
      allLeased: leases.all,
      deadLeases: leases.dead,
      pointers: this.#pointers,
      contents: this.#contents,
      below: this.#below,
      strays: this.#strays,
      oldBuckets: top.filter(({ name }) => isOlderBucket(name)),
      files,
      partials: await this.#list(this.#at(buckets.partials)),
      temporaries: [
        ...await this.#list(this.#at(buckets.temporary)),
        ...top.filter(({ name }) => isTemporaryName(name)),
        ...await this.#seeBeside(),
      ],
      quarantined: await this.#list(this.#at(buckets.quarantine)),
      denied: [...new Set(this.#denied)],
    };
  }

  async #seeContents(kind: SurveyedContents["kind"], bucket: { folder: string }): Promise<void> {
    const base = join(this.#at(bucket), "sha256");
    for (const shard of await this.#allowed(folderNames(base)) ?? []) {
      this.#signal?.throwIfAborted();
      const folder = join(base, shard);
      const names = await this.#allowed(folderNames(folder)) ?? [];
      const looking = names.map((name) => this.#allowed(lookAt(kind, join(folder, name))));
      for (const seen of await Promise.all(looking)) {
        if (seen?.found !== undefined) this.#contents.set(seen.found.digest, seen.found);
        if (seen?.stray !== undefined) this.#strays.push(seen.stray);
      }
    }
  }

  async #seePointers(): Promise<void> {
    const cache = this.#cache;
    for await (const pointer of findPointers(cache.dir, (path) => this.#beside.push(path))) {
      this.#signal?.throwIfAborted();
      this.#pointers.push(pointer);
      if (pointer.denied !== undefined) this.#denied.push(pointer.denied);
      for (const digest of refsOf(pointer)) await this.#seeReferred(digest);
    }
  }

  /** Looks for what a pointer refers to where that was not seen before. */
  async #seeReferred(digest: Digest): Promise<void> {
    if (this.#contents.has(digest)) return;
    const { blobs, archives } = this.#cache;
    const found = await this.#allowed(contentsAt("blob", digest, blobs.path(digest))) ??
      await this.#allowed(contentsAt("archive", digest, archives.path(digest)));
    if (found !== undefined) this.#contents.set(digest, found);
    else if (await this.#isBelow(digest)) this.#below.add(digest);
  }

  /** Whether something that is not in a cache is in the layer below it, as far as that may be read. */
  async #isBelow(digest: Digest): Promise<boolean> {
    if (this.#cache.lower === undefined) return false;
    return await ifSeen(this.#cache.sizeOf(digest)) !== undefined;
  }

  /** The pointers to which folders of named files belong, those of the cache itself before those of the layer below. */
  async #owners(): Promise<ReadonlyMap<string, FoundPointer>> {
    const { dir, lower } = this.#cache;
    const owners = new Map<string, FoundPointer>();
    const own = (pointer: FoundPointer) => {
      if (!pointer.envelope) return;
      const folder = dirname(namedFilePath(dir, pointer.envelope.key, "x"));
      if (!owners.has(folder)) owners.set(folder, pointer);
    };
    this.#pointers.forEach(own);
    if (lower === undefined) return owners;
    for await (const pointer of findPointers(lower)) {
      this.#signal?.throwIfAborted();
      own(pointer);
    }
    return owners;
  }

  async #seeFiles(owners: ReadonlyMap<string, FoundPointer>): Promise<Survey["files"]> {
    const files: Survey["files"] = [];
    for (const folder of await this.#list(this.#at(buckets.files))) {
      const pointer = owners.get(folder.path);
      for (const name of await ifSeen(folderNames(folder.path)) ?? []) {
        if (isTemporaryName(name)) this.#beside.push(join(folder.path, name));
      }
      const owner = pointer === undefined
        ? { named: await ifSeen(namedIn(folder.path, this.#contents)) ?? [] }
        : { pointer };
      files.push({ ...folder, ...owner });
    }
    return files;
  }

  async #seeBeside(): Promise<Aged[]> {
    const seeing = this.#beside.map(async (path) => await ifSeen(aged(path)) ?? []);
    return (await Promise.all(seeing)).flat();
  }

  async #list(folder: string): Promise<Aged[]> {
    return await this.#allowed(listAged(folder)) ?? [];
  }

  #allowed<T>(looking: Promise<T>): Promise<T | undefined> {
    return ifAllowed(looking, (why) => this.#denied.push(why));
  }

  #at({ folder }: { folder: string }): string {
    return join(this.#cache.dir, folder);
  }
}

/** What may be another user's, and tells nothing of what contents are needed. */
function ifSeen<T>(looking: Promise<T>): Promise<T | undefined> {
  return ifAllowed(looking, () => {});
}

/** What lies in a shard: contents, or what should not be there. */
async function lookAt(
  kind: SurveyedContents["kind"],
  path: string,
): Promise<{ found?: SurveyedContents; stray?: Aged }> {
  const [shard, name] = [basename(dirname(path)), basename(path)];
  const digest = `sha256:${name}`;
  const isNamed = isDigest(digest) && name.startsWith(shard);
  const found = isNamed ? await contentsAt(kind, digest, path) : undefined;
  if (found !== undefined) return { found };
  const [stray] = await aged(path);
  return stray === undefined ? {} : { stray };
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

/** Whether a folder is a bucket of this program in a version before this one's. */
function isOlderBucket(name: string): boolean {
  const match = /^([a-z]+)-v(\d+)$/.exec(name);
  return match !== null &&
    Object.values(buckets).some((bucket) =>
      bucket.name === match[1] && Number(match[2]) < bucket.version
    );
}
