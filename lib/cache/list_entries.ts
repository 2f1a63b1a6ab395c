import type { Digest } from "../base/digest.ts";
import { ifAllowed } from "../base/files.ts";
import type { Cache } from "./cache.ts";
import { findReadable, type FoundPointer, needsOf, refsOf } from "./pointers.ts";

/** One entry of the cache. */
export interface ListedEntry {
  /** Its bucket: `kexec-v1`. */
  bucket: string;
  /** What it is the entry of: a URL, a reference, a store path. */
  key: string;
  /** The bytes of what it refers to and what is there. */
  bytes: number;
  /** When it was last used, written or confirmed: an ISO time. */
  used: string;
  /** Whether all that it needs is there. */
  whole: boolean;
  /** Whether it is of the read-only layer below. */
  lower: boolean;
}

/**
 * The entries of the cache and of the layer below it, the last used first; those that cannot be read are left out.
 *
 * @param onDenied told of what this user may not read
 */
export async function listEntries(
  cache: Cache,
  onDenied: (why: string) => void,
): Promise<ListedEntry[]> {
  const sizes = new Map<Digest, number | undefined>();
  const entries: ListedEntry[] = [];
  for await (const pointer of findReadable(cache, onDenied)) {
    const found = await Promise.all(
      refsOf(pointer).map(async (digest) => {
        if (!sizes.has(digest)) sizes.set(digest, await ifAllowed(cache.sizeOf(digest), onDenied));
        return sizes.get(digest);
      }),
    );
    entries.push({
      bucket: pointer.bucket,
      key: pointer.envelope.key,
      bytes: found.reduce<number>((sum, size) => sum + (size ?? 0), 0),
      used: usedOf(pointer),
      whole: needsOf(pointer).every((digest) => sizes.get(digest) !== undefined),
      lower: pointer.lower,
    });
  }
  return entries.sort((a, b) => a.used < b.used ? 1 : -1);
}

function usedOf({ usedMs }: FoundPointer): string {
  return new Date(usedMs).toISOString();
}
