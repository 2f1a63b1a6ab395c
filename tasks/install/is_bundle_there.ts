import { UsageError } from "../../lib/base/errors.ts";
import { buckets } from "../../lib/cache/buckets.ts";
import type { Cache } from "../../lib/cache/cache.ts";
import { leaseNamedFile } from "../../lib/cache/lease_named_file.ts";

/**
 * Whether a bundle is there; in a dry run, one that is still to be fetched has a path already. One of the cache stays there from now
 * on, while this process lives.
 *
 * @throws {UsageError} if it is not there and is needed, or is not a file
 */
export async function isBundleThere(
  path: string,
  { cache, dryRun }: { cache: Cache; dryRun: boolean },
): Promise<boolean> {
  if (!dryRun) await leaseNamedFile(cache, buckets.kexec, path);
  try {
    if ((await Deno.stat(path)).isFile) return true;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    if (dryRun) return false;
  }
  throw new UsageError(`Cannot use the kexec bundle "${path}": there is no such file`);
}
