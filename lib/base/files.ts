/**
 * What a reading of a path gives; `undefined` if nothing is there.
 *
 * @example
 * ```ts
 * import { ifThere } from "./files.ts";
 *
 * const info = await ifThere(Deno.stat("/nowhere/at/all"));
 * console.log(info === undefined);
 * ```
 */
export async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

/** Whether an error says that nothing is at a path: nothing has that name, or what should be a folder on the way is none. */
export function isNotThere(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

/** The names of what lies in a folder, sorted; none where there is no such folder. */
export async function folderNames(
  folder: string,
  options: { foldersOnly?: boolean } = {},
): Promise<string[]> {
  const entries = await ifThere(Array.fromAsync(Deno.readDir(folder))) ?? [];
  return entries.filter(({ isDirectory }) => isDirectory || !options.foldersOnly)
    .map(({ name }) => name).sort();
}

/** Removes a folder from where a file is to appear: it would keep it from appearing for ever. */
export async function clearWay(path: string): Promise<void> {
  const info = await ifThere(Deno.lstat(path));
  if (info?.isDirectory) await Deno.remove(path, { recursive: true });
}

/** Gives a file a second name; `false` where that cannot be: another file system, another owner, a name that is taken. */
export async function linkFile(from: string, to: string): Promise<boolean> {
  try {
    await Deno.link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw error;
    return false;
  }
}
