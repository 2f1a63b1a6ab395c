import { UsageError } from "../lib/base/errors.ts";

/**
 * Whether a bundle is there; in a dry run, one that is still to be fetched has a path already.
 *
 * @throws {UsageError} if it is not there and is needed, or is no file
 */
export async function isBundleThere(
  path: string,
  { dryRun }: { dryRun: boolean },
): Promise<boolean> {
  try {
    if ((await Deno.stat(path)).isFile) return true;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    if (dryRun) return false;
  }
  throw new UsageError(`Cannot use the kexec bundle "${path}": there is no such file`);
}
