import { dirname } from "@std/path";
import { isNotThere, lookAt } from "./files.ts";
import { isGranted } from "./is_granted.ts";

/**
 * What keeps a folder from being at a path: a file, or a link to nothing, that has its name or that of a folder above it; `undefined` where
 * there is none. What this process may not look at is not looked at: that shows when it is written.
 */
export async function inTheWay(folder: string): Promise<string | undefined> {
  for (let path = folder; dirname(path) !== path; path = dirname(path)) {
    if (!isGranted({ name: "read", path })) return undefined;
    try {
      return (await Deno.stat(path)).isDirectory ? undefined : path;
    } catch (error) {
      if (!isNotThere(error)) return undefined;
      // A link to nothing is there, all the same.
      if (lookAt(path)?.isSymlink) return path;
    }
  }
  return undefined;
}
