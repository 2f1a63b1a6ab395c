import { UsageError } from "../base/errors.ts";

/**
 * Refuses a file in the place of the cache folder; what is not there, or cannot be looked at, may be.
 *
 * @throws {UsageError} if there is a file
 */
export function refuseFile(root: string): void {
  try {
    if (Deno.statSync(root).isDirectory) return;
  } catch {
    return;
  }
  throw new UsageError(`Cannot use "${root}" as the cache: it is no folder`, {
    hint: "name a folder, or a path where nothing is yet, with --cache-dir",
  });
}
