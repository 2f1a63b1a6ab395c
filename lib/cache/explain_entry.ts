import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import type { Cache } from "./cache.ts";
import { findPointers, type FoundPointer, refsOf } from "./pointers.ts";

/** What is known of one entry, or of one blob. */
export interface Explanation {
  /** Its bucket. */
  bucket: string;
  /** What it is the entry of. */
  key: string;
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
 * Explains the entries that go by a name: a key, a part of one, or the digest of a blob (in full, or its first hexadecimal
 * digits, eight at least).
 */
export async function explainEntries(cache: Cache, name: string): Promise<Explanation[]> {
  const pointers: FoundPointer[] = [];
  for await (const pointer of findPointers(cache.dir)) {
    if (pointer.envelope !== undefined) pointers.push(pointer);
  }
  const users = new Map<Digest, string[]>();
  for (const pointer of pointers) {
    for (const digest of refsOf(pointer)) {
      users.set(digest, [...users.get(digest) ?? [], pointer.envelope!.key]);
    }
  }
  const exact = pointers.filter(({ envelope }) => envelope!.key === name);
  const found = exact.length > 0 ? exact : pointers.filter((pointer) => goesBy(pointer, name));
  return await Promise.all(found.map((pointer) => explain(cache, pointer, users)));
}

async function explain(
  cache: Cache,
  pointer: FoundPointer,
  users: ReadonlyMap<Digest, readonly string[]>,
): Promise<Explanation> {
  const { key, by, created, updated, value } = pointer.envelope!;
  const refs = await Promise.all(
    refsOf(pointer).map(async (digest) => {
      const alsoOf = (users.get(digest) ?? []).filter((other) => other !== key);
      const blob = await cache.blobs.find(digest);
      if (blob !== undefined) return { digest, alsoOf, size: blob.size };
      const archive = await cache.archives.find(digest);
      if (archive === undefined) return { digest, alsoOf };
      return { digest, alsoOf, size: archive.size, folder: archive.path };
    }),
  );
  const used = new Date(pointer.usedMs).toISOString();
  return { bucket: pointer.bucket, key, by, created, updated, used, value, refs };
}

function goesBy(pointer: FoundPointer, name: string): boolean {
  if (pointer.envelope!.key.includes(name)) return true;
  const digest = name.startsWith("sha256:") ? name : `sha256:${name}`;
  if (isDigest(digest)) return refsOf(pointer).includes(digest);
  return /^sha256:[0-9a-f]{8,63}$/.test(digest) &&
    refsOf(pointer).some((each) => each.startsWith(digest));
}
