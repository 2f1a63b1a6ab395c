import { dirname } from "@std/path";
import { removeIfThere } from "../base/atomic_file.ts";
import type { Digest } from "../base/digest.ts";
import type { Cache } from "../cache/cache.ts";

/**
 * Keeps bytes as a blob of the cache, where it is not there yet.
 *
 * @param digest what every byte of them was hashed to
 */
export async function keepBytes(
  cache: Cache,
  bytes: Uint8Array<ArrayBuffer>,
  digest: Digest,
): Promise<void> {
  const size = bytes.length;
  if (await cache.blobs.has(digest, size)) return;
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
