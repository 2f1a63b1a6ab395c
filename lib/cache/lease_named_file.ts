import { basename, dirname, join, resolve } from "@std/path";
import { isGranted } from "../base/is_granted.ts";
import type { CacheBucket } from "./bucket.ts";
import { buckets } from "./buckets.ts";
import type { Cache } from "./cache.ts";
import { entryFileOf } from "./entry_file.ts";
import { readEnvelope } from "./read_envelope.ts";

/**
 * Keeps what lies in the cache under a name of its own from being pruned until this process ends, whoever put it there; look for it
 * afterwards. A path that is no such name, or of a cache that this program may not use, is let be.
 */
export async function leaseNamedFile(
  cache: Cache,
  bucket: CacheBucket,
  path: string,
): Promise<void> {
  const folder = dirname(resolve(path));
  if (dirname(folder) !== join(cache.dir, buckets.files.folder) || !mayUse(cache.dir)) return;
  const pointer = join(cache.dir, bucket.folder, entryFileOf(basename(folder)));
  const { envelope } = await readEnvelope(pointer);
  if (envelope !== undefined) await cache.leases.take(...envelope.refs);
}

function mayUse(path: string): boolean {
  return (["read", "write"] as const).every((name) => isGranted({ name, path }));
}
