import { UsageError } from "../base/errors.ts";
import { liesIn } from "../base/lies_in.ts";

/**
 * Refuses a cache folder with the project in it, where clean and prune might take the one for the other.
 *
 * @param folders those of the project: the working folder, that of the task file
 * @throws {UsageError} if one of them is the cache folder or lies within it, links resolved
 */
export function checkProject(cacheDir: string, folders: Iterable<string>): void {
  for (const folder of new Set(folders)) {
    if (!liesIn(folder, cacheDir)) continue;
    throw new UsageError(
      `Cannot use "${cacheDir}" as the cache: the project "${folder}" is in it`,
      {
        hint: "name another folder with --cache-dir, or use a temporary one with --no-cache",
      },
    );
  }
}
