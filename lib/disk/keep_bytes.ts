import { dirname } from "@std/path";
import { removeIfThere } from "../base/atomic_file.ts";
import type { Digest } from "../base/digest.ts";
import { ifAllowed, ifThere } from "../base/files.ts";
import { hashFile } from "../base/hash_file.ts";
import type { Cache } from "../cache/cache.ts";
import type { CachedBlob } from "../cache/cached_blob.ts";

/**
 * Keeps bytes as a blob of the cache, where it is not there yet, or was damaged there.
 *
 * @param digest what every byte of them was hashed to
 */
export async function keepBytes(
  cache: Cache,
  bytes: Uint8Array<ArrayBuffer>,
  digest: Digest,
): Promise<void> {
  const size = bytes.length;
  const there = await cache.blobs.find(digest, size);
  if (there !== undefined && await isWhole(there)) return;
  const path = cache.temporaryPath("blob");
  await cache.ensure(dirname(path));
  try {
    await Deno.writeFile(path, bytes, { createNew: true });
    await cache.blobs.persistFile(path, { verified: { digest, size } });
  } catch (error) {
    await removeIfThere(path);
    throw error;
  }
}

async function isWhole({ path, digest }: CachedBlob): Promise<boolean> {
  const hashed = await ifThere(ifAllowed(hashFile(path), () => {}));
  return hashed?.digest === digest;
}
