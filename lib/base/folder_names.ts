import { ifThere } from "./if_there.ts";
/** The names of what lies in a folder, sorted; none where there is no such folder. */
export async function folderNames(
  folder: string,
  options: { foldersOnly?: boolean } = {},
): Promise<string[]> {
  const entries = await ifThere(Array.fromAsync(Deno.readDir(folder))) ?? [];
  return entries.filter(({ isDirectory }) => isDirectory || !options.foldersOnly)
    .map(({ name }) => name).sort();
}
