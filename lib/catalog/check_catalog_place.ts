import { dirname } from "@std/path";
import { UsageError } from "../base/errors.ts";
import { isNotThere } from "../base/files.ts";
import { inTheWay } from "../base/in_the_way.ts";

/** The next step for who named something that is not a catalog. */
export const catalogHint = "name another file; a publish makes it where it is not there";

/**
 * Refuses a place where no file of a catalog can be: what lies there is none, or what should be a folder above it is none.
 *
 * @throws {UsageError} without the name of the catalog, saying what is there
 */
export async function checkCatalogPlace(path: string): Promise<void> {
  try {
    const { isFile, isDirectory } = await Deno.stat(path);
    if (isFile) return;
    throw new UsageError(isDirectory ? "it is a folder" : "it is not a file", {
      hint: catalogHint,
    });
  } catch (error) {
    if (!isNotThere(error)) throw error;
  }
  const taken = await inTheWay(dirname(path));
  if (taken === undefined) return;
  throw new UsageError(`"${taken}" is not a folder`, { hint: catalogHint });
}
