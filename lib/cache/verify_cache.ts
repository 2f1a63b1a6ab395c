/**
 * Reads every blob, every archive and every copy under a file name, and holds it against its digest.
 *
 * Invariants: what fails is moved away under a name that nobody looks for, never repaired in place; what pointed to it becomes a
 * miss, until it is fetched anew, now or at its next use; what may not be read, or moved away, is named, and keeps nothing else from being
 * read; with a budget the next run goes on where this one stopped, and every run reads one thing at least, so that all are read in the end.
 *
 * @module
 */
import { join, relative } from "@std/path";
import { writeFileAtomic } from "../base/atomic_file.ts";
import { defined } from "../base/defined.ts";
import { type Digest, sameDigest } from "../base/digest.ts";
import { hashFile } from "../base/hash_file.ts";
import { clearWay, ifAllowed, ifThere, isReadOnly, readPlainText } from "../base/files.ts";
import type { Cache } from "./cache.ts";
import type { Envelope } from "./entry_record.ts";
import { listCopies } from "./list_copies.ts";
import { findPointers, refsOf } from "./pointers.ts";
import { quarantineContents } from "./quarantine.ts";
import { hashTree } from "./read_tree.ts";

/** Options of {@linkcode verifyCache}. */
export interface VerifyCacheOptions {
  /**
   * Read and fetch anew at most so many bytes; the next run goes on there. One thing at least is read, however large it is.
   *
   * @default {all}
   */
  budgetBytes?: number;
  /** Begin nothing further after so long, in milliseconds; the next run goes on there. @default {until all is read} */
  budgetMs?: number;
  /** Whether to leave bad ones where they are. @default {false} */
  dryRun?: boolean;
  /** Fetches anew what was moved away. @default {it is fetched at its next use} */
  mend?: (bad: DamagedContents) => Promise<Mending>;
  /** Told of the bytes read. */
  onRead?: (bytes: number) => void;
  /** Ends the work. */
  signal?: AbortSignal;
}

/** The outcome of fetching something again. */
export interface Mending {
  /** Whether it is there again. */
  refetched: boolean;
  /** How, or why not, in one sentence. */
  why: string;
  /** The bytes that moved for it. */
  bytesMoved: number;
}

/** What it is that was read: a copy is of a blob that could not be given its file name as a second one. */
export type ContentsKind = "blob" | "archive" | "copy";

/** Contents that are not what their digest says, and the pointers that refer to them. */
export interface DamagedContents {
  /** What it is. */
  kind: ContentsKind;
  /** The digest that it should have. */
  digest: Digest;
  /** The pointers, with the folders of their buckets. */
  pointers: readonly { bucket: string; envelope: Envelope }[];
}

/** One blob, archive or copy that is not what its digest says, and what became of it. */
export interface BadBlob extends Mending {
  /** What it is. */
  kind: ContentsKind;
  /** The digest that it should have. */
  digest: Digest;
  /** The digest that it has. */
  actual: Digest;
  /** Its size in bytes. */
  size: number;
  /** Whether it was moved to quarantine. */
  movedAway: boolean;
  /** The keys of the entries that refer to it. */
  keys: readonly string[];
}

/** What {@linkcode verifyCache} found. */
export interface VerifyCacheResult {
  /** How many blobs were read. */
  blobs: number;
  /** How many unpacked folders were read. */
  archives: number;
  /** How many copies of blobs under their file names were read. */
  copies: number;
  /** The bytes of all of them. */
  bytes: number;
  /** Those that failed. */
  bad: readonly BadBlob[];
  /** The bytes that were downloaded to replace bad ones. */
  bytesMoved: number;
  /** What this user may not read, in the words of the system: nothing is known of it. */
  denied: readonly string[];
  /** Whether the whole cache was read. */
  complete: boolean;
}

interface Contents {
  kind: ContentsKind;
  digest: Digest;
  size: number;
  path: string;
  /** Its place in the order in which all are read. */
  place: string;
}

const cursorName = "verify-cursor";

/** Reads the contents of the cache, all or within a budget. */
export async function verifyCache(
  cache: Cache,
  options: VerifyCacheOptions = {},
): Promise<VerifyCacheResult> {
  const { budgetBytes = Infinity, budgetMs = Infinity, dryRun = false, signal } = options;
  const denied: string[] = [];
  const onDenied = (why: string) => denied.push(why);
  const contents = await listContents(cache, onDenied);
  const limited = budgetBytes !== Infinity || budgetMs !== Infinity;
  const ordered = limited ? startingAfter(contents, await readCursor(cache)) : contents;
  const started = performance.now();
  const read = { blob: 0, archive: 0, copy: 0 };
  const bad: (Contents & { actual: Digest; stuck: string | undefined })[] = [];
  let bytes = 0;
  let last: Contents | undefined;
  const isSpent = (further: number) =>
    bytes + further > budgetBytes || performance.now() - started >= budgetMs;
  for (const each of ordered) {
    signal?.throwIfAborted();
    if (last !== undefined && isSpent(each.size)) break;
    last = each;
    const actual = await ifAllowed(hash(each, options), onDenied);
    if (actual === undefined) continue;
    bytes += each.size;
    read[each.kind]++;
    if (sameDigest(actual, each.digest)) continue;
    bad.push({ ...each, actual, stuck: dryRun ? undefined : await moveAway(cache, each) });
  }
  if (limited && !dryRun && last !== undefined) {
    await cache.ensure(cache.dir);
    await clearWay(join(cache.dir, `.${cursorName}`));
    await writeFileAtomic(join(cache.dir, `.${cursorName}`), last.place);
  }
  const judged: BadBlob[] = [];
  let bytesMoved = 0;
  for (const { kind, digest, size, actual, stuck } of bad) {
    const pointers = await pointersTo(cache, digest);
    const mending = dryRun
      ? unmended("this is a dry run")
      : stuck !== undefined
      ? unmended(`it cannot be moved away: ${stuck}`)
      : options.mend === undefined
      ? unmended("it is fetched anew at its next use")
      : isSpent(size)
      ? unmended("the budget was used up; it is fetched anew at its next use")
      : await options.mend({ kind, digest, pointers });
    bytes += mending.bytesMoved;
    bytesMoved += mending.bytesMoved;
    const keys = pointers.map(({ envelope }) => envelope.key);
    const movedAway = !dryRun && stuck === undefined;
    judged.push({ kind, digest, actual, size, movedAway, keys, ...mending });
  }
  return {
    blobs: read.blob,
    archives: read.archive,
    copies: read.copy,
    bytes: bytes - bytesMoved,
    bad: judged,
    bytesMoved,
    denied,
    complete: last === ordered.at(-1) && denied.length === 0,
  };
}

function unmended(why: string): Mending {
  return { refetched: false, why, bytesMoved: 0 };
}

/** Moves something damaged to where nobody looks for it; gives what keeps it from that, if something does. */
async function moveAway(cache: Cache, contents: Contents): Promise<string | undefined> {
  try {
    await quarantineContents(cache, contents);
    return undefined;
  } catch (error) {
    const { cause = error } = error as { cause?: unknown };
    if (!isReadOnly(cause)) throw error;
    return (cause as Error).message;
  }
}

/** All blobs, archives and copies in the order of their digests, each copy after its blob. */
async function listContents(cache: Cache, onDenied: (why: string) => void): Promise<Contents[]> {
  const contents: Contents[] = [];
  for await (const blob of cache.blobs.list(onDenied)) {
    contents.push({ kind: "blob", ...blob, place: blob.digest });
  }
  for await (const { digest, size, path } of cache.archives.list(onDenied)) {
    contents.push({ kind: "archive", digest, size, path, place: digest });
  }
  for await (const copy of listCopies(cache.dir, onDenied)) {
    contents.push({
      kind: "copy",
      ...copy,
      place: `${copy.digest} ${relative(cache.dir, copy.path)}`,
    });
  }
  return contents.sort((a, b) => a.place < b.place ? -1 : 1);
}

async function hash(
  { kind, path }: Contents,
  { onRead, signal }: VerifyCacheOptions,
): Promise<Digest | undefined> {
  const options = defined({ onRead, signal });
  if (kind === "archive") return await hashTree(path, options);
  return (await ifThere(hashFile(path, options)))?.digest;
}

async function pointersTo(
  cache: Cache,
  digest: Digest,
): Promise<{ bucket: string; envelope: Envelope }[]> {
  const found: { bucket: string; envelope: Envelope }[] = [];
  for await (const pointer of findPointers(cache.dir)) {
    const { bucket, envelope } = pointer;
    if (envelope !== undefined && refsOf(pointer).includes(digest)) {
      found.push({ bucket, envelope });
    }
  }
  return found;
}

function startingAfter(contents: readonly Contents[], cursor: string): Contents[] {
  const at = contents.findIndex(({ place }) => place > cursor);
  return at <= 0 ? [...contents] : [...contents.slice(at), ...contents.slice(0, at)];
}

async function readCursor(cache: Cache): Promise<string> {
  return await readPlainText(join(cache.dir, `.${cursorName}`)) ?? "";
}
