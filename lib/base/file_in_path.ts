import { isAbsolute, join } from "@std/path";
import { pathFolders } from "./path_folders.ts";

/** A file with the name of a program. */
export interface FileInPath {
  /** Where it is. */
  readonly path: string;
  /** Whether it may be run, as far as its mode says. */
  readonly isExecutable: boolean;
}

const endings = Deno.build.os === "windows" ? ["", ".exe", ".cmd", ".bat"] : [""];

/**
 * The first executable file of that name in the folders of PATH, else the first file; `undefined` where there is none. What cannot be
 * looked at is as little there as what is not, as for the system. A name that is an absolute path stands for itself.
 *
 * @param path what is searched
 * @throws {Deno.errors.NotCapable} if a folder or, without `path`, the variable may not be read
 */
export async function fileInPath(
  name: string,
  path?: string,
): Promise<FileInPath | undefined> {
  const folders = isAbsolute(name) ? [""] : pathFolders(path ?? Deno.env.get("PATH"));
  let first: FileInPath | undefined;
  for (const folder of folders) {
    for (const ending of endings) {
      const found = await fileAt(join(folder, name + ending));
      if (found?.isExecutable) return found;
      first ??= found;
    }
  }
  return first;
}

async function fileAt(path: string): Promise<FileInPath | undefined> {
  try {
    const { isFile, mode } = await Deno.stat(path);
    return isFile ? { path, isExecutable: mode === null || (mode & 0o111) !== 0 } : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return undefined;
  }
}
