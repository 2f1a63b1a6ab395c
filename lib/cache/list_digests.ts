import { join } from "@std/path";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { folderNames, ifAllowed } from "../base/files.ts";

/**
 * What lies in a bucket of contents under its digest, in the order of the digests.
 *
 * @param look gives what is there, `undefined` where it is something else
 * @param onDenied told of what this user may not look at, in the words of the system; without it that is an error
 */
export async function* listDigests<T>(
  bucket: string,
  look: (digest: Digest, path: string) => Promise<T | undefined>,
  onDenied?: (why: string) => void,
): AsyncGenerator<T> {
  const allowed = <R>(looking: Promise<R>) =>
    onDenied === undefined ? looking : ifAllowed(looking, onDenied);
  const base = join(bucket, "sha256");
  for (const shard of await allowed(folderNames(base)) ?? []) {
    for (const name of await allowed(folderNames(join(base, shard))) ?? []) {
      const digest = `sha256:${name}`;
      if (!isDigest(digest)) continue;
      const found = await allowed(look(digest, join(base, shard, name)));
      if (found !== undefined) yield found;
    }
  }
}
