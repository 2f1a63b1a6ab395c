import { join, relative } from "@std/path";
import { isTemporaryName } from "../base/atomic_file.ts";
import type { Digest } from "../base/digest.ts";
import { ifAllowed, ifThere } from "../base/files.ts";
import { bucketOfFolder, buckets } from "./buckets.ts";
import { readEnvelope } from "./read_envelope.ts";
import type { Envelope } from "./entry_record.ts";

/** A pointer that was found in the cache. */
export interface FoundPointer {
  /** The folder of its bucket: `kexec-v1`. */
  bucket: string;
  /** Its file. */
  path: string;
  /** What it says; `undefined` where it cannot be read. */
  envelope?: Envelope;
  /** That this user may not read it, or a folder of pointers, in the words of the system: what it says is not known. */
  denied?: string;
  /** When it was last used, written or confirmed, in milliseconds since 1970. */
  usedMs: number;
  /** Whether it is of the read-only layer below. */
  lower: boolean;
}

/** One that can be read. */
export type ReadablePointer = FoundPointer & { envelope: Envelope };

/** Folders at the root of a cache that may hold pointers: of any version, and of buckets that this program does not know. */
function isPointerFolder(name: string): boolean {
  const match = /^([a-z]+)-v\d+$/.exec(name);
  if (match === null) return false;
  const known = Object.values(buckets).find((bucket) => bucket.name === match[1]);
  return known === undefined || known.kind === "pointers";
}

/**
 * All pointers of a cache, of all versions and all buckets; symbolic links are not followed.
 *
 * @param onTemporary told of each file that is, or was, about to become a pointer of a bucket of this version
 */
export async function* findPointers(
  root: string,
  onTemporary?: (path: string) => void,
): AsyncGenerator<FoundPointer> {
  for (const { isDirectory, name } of await entriesOf(root)) {
    if (!isDirectory || !isPointerFolder(name)) continue;
    const isKnown = bucketOfFolder(name) !== undefined;
    yield* walkPointers(name, join(root, name), isKnown ? onTemporary : undefined);
  }
}

/**
 * The pointers that a look into a cache can find: its own that can be read, then those of the layer below that these do not cover.
 *
 * @param onDenied told of each pointer, and folder of pointers, that this user may not read, in the words of the system
 */
export async function* findReadable(
  { dir, lower }: { dir: string; lower?: string },
  onDenied: (why: string) => void,
): AsyncGenerator<ReadablePointer> {
  const tell = ({ denied }: FoundPointer) => denied !== undefined && onDenied(denied);
  const own = new Set<string>();
  for await (const pointer of findPointers(dir)) {
    tell(pointer);
    if (!isReadable(pointer)) continue;
    if (lower !== undefined) own.add(relative(dir, pointer.path));
    yield pointer;
  }
  if (lower === undefined) return;
  for await (const pointer of findPointers(lower)) {
    tell(pointer);
    if (!isReadable(pointer) || own.has(relative(lower, pointer.path))) continue;
    yield { ...pointer, lower: true };
  }
}

function isReadable(pointer: FoundPointer): pointer is ReadablePointer {
  return pointer.envelope !== undefined;
}

/** The digests that a pointer refers to. */
export function refsOf(pointer: FoundPointer): readonly Digest[] {
  return pointer.envelope?.refs ?? [];
}

/** Those of them that it cannot do without. */
export function needsOf(pointer: FoundPointer): readonly Digest[] {
  const spare = new Set(pointer.envelope?.spare);
  return refsOf(pointer).filter((digest) => !spare.has(digest));
}

async function* walkPointers(
  bucket: string,
  folder: string,
  onTemporary?: (path: string) => void,
): AsyncGenerator<FoundPointer> {
  let denied: string | undefined;
  const entries = await ifAllowed(entriesOf(folder), (why) => denied = why) ?? [];
  if (denied !== undefined) yield { bucket, path: folder, usedMs: 0, lower: false, denied };
  const isPointer = ({ isFile, name }: Deno.DirEntry) => isFile && name.endsWith(".json");
  const pointers = entries.filter(isPointer).map(({ name }) => read(bucket, join(folder, name)));
  for (const pointer of await Promise.all(pointers)) if (pointer !== undefined) yield pointer;
  for (const { name, isFile, isDirectory } of entries) {
    if (isFile && isTemporaryName(name)) onTemporary?.(join(folder, name));
    if (isDirectory) yield* walkPointers(bucket, join(folder, name), onTemporary);
  }
}

async function read(bucket: string, path: string): Promise<FoundPointer | undefined> {
  const { envelope, miss, usedMs } = await readEnvelope(path);
  if (envelope !== undefined) return { bucket, path, envelope, usedMs, lower: false };
  if (miss.reason === "absent") return undefined;
  return { bucket, path, usedMs, lower: false, ...(miss.denied ? { denied: miss.detail } : {}) };
}

async function entriesOf(path: string): Promise<Deno.DirEntry[]> {
  return await ifThere(Array.fromAsync(Deno.readDir(path))) ?? [];
}
