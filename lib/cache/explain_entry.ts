import type { Digest } from "../base/digest.ts";
import { ifAllowed } from "../base/files.ts";
import type { Cache } from "./cache.ts";
import { contentsBeginning, digestPrefix } from "./digest_prefix.ts";
import { findReadable, type ReadablePointer, refsOf } from "./pointers.ts";

/** What is known of one entry, or of one blob. */
export interface Explanation {
  /** Its bucket. */
  bucket: string;
  /** What it is the entry of. */
  key: string;
  /** Whether it is of the read-only layer below. */
  lower: boolean;
  /** Who put it there. */
  by: string;
  /** When it was first written: an ISO time. */
  created: string;
  /** When it was last written or confirmed: an ISO time. */
  updated: string;
  /** When it was last used: an ISO time. */
  used: string;
  /** What the entry says: digest, size, validators. */
  value: unknown;
  /**
   * What it refers to: the size of each blob or archive where it is there, the folder of an archive, and which other entries
   * refer to it.
   */
  refs: readonly {
    digest: Digest;
    size?: number;
    folder?: string;
    alsoOf: readonly string[];
  }[];
}

/**
 * Explains the entries that go by a name: a key, a part of one, or the digest of a blob or an archive, in full or its first
 * hexadecimal digits, as long as no other digest begins with them.
 *
 * @param onDenied told of what this user may not read, in the words of the system
 * @throws {KedgeError} if several digests begin with it, nothing goes by it, or no entry refers to what does
 */
export async function explainEntries(
  cache: Cache,
  name: string,
  onDenied: (why: string) => void,
): Promise<Explanation[]> {
  const pointers = await Array.fromAsync(findReadable(cache, onDenied));
  const users = new Map<Digest, string[]>();
  for (const pointer of pointers) {
    for (const digest of refsOf(pointer)) {
      const keys = users.get(digest);
      if (keys === undefined) users.set(digest, [pointer.envelope.key]);
      else keys.push(pointer.envelope.key);
    }
  }
  const exact = pointers.filter(({ envelope }) => envelope.key === name);
  const found = exact.length > 0 ? exact : await goingBy(cache, name, pointers, users, onDenied);
  return await Promise.all(found.map((pointer) => explain(cache, pointer, users, onDenied)));
}

async function goingBy(
  cache: Cache,
  name: string,
  pointers: readonly ReadablePointer[],
  users: ReadonlyMap<Digest, readonly string[]>,
  onDenied: (why: string) => void,
): Promise<ReadablePointer[]> {
  const prefix = digestPrefix(name);
  const digests = prefix === undefined ? [] : [
    ...new Set([
      ...[...users.keys()].filter((digest) => digest.startsWith(prefix)),
      ...await ifAllowed(contentsBeginning(cache, prefix), onDenied) ?? [],
    ]),
  ].sort();
  const meant = digests.length === 1 ? digests[0] : undefined;
  const found = pointers.filter((pointer) =>
    pointer.envelope.key.includes(name) || meant !== undefined && refsOf(pointer).includes(meant)
  );
  if (found.length > 0) return found;
  const { ambiguous, nothingOf, unreferenced } = await import("./unexplained.ts");
  if (digests.length > 1) throw ambiguous(name, digests, users);
  if (meant !== undefined) throw unreferenced(name, meant);
  throw nothingOf(name, pointers.map(({ envelope }) => envelope.key), [...users.keys()]);
}

async function explain(
  cache: Cache,
  pointer: ReadablePointer,
  users: ReadonlyMap<Digest, readonly string[]>,
  onDenied: (why: string) => void,
): Promise<Explanation> {
  const { lower, bucket, envelope: { key, by, created, updated, value } } = pointer;
  const refs = await Promise.all(
    refsOf(pointer).map(async (digest) => {
      const alsoOf = [...new Set(users.get(digest))].filter((other) => other !== key);
      const blob = await ifAllowed(cache.blobs.find(digest), onDenied);
      if (blob !== undefined) return { digest, alsoOf, size: blob.size };
      const archive = await ifAllowed(cache.archives.find(digest), onDenied);
      if (archive === undefined) return { digest, alsoOf };
      return { digest, alsoOf, size: archive.size, folder: archive.path };
    }),
  );
  const used = new Date(pointer.usedMs).toISOString();
  return { bucket, key, lower, by, created, updated, used, value, refs };
}
