/** The names of what lies in a folder, sorted; none where there is no such folder. */
export async function folderNames(
  folder: string,
  options: { foldersOnly?: boolean } = {},
): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory || !options.foldersOnly) names.push(name);
    }
  } catch (error) {
    const isNone = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (!isNone) throw error;
  }
  return names.sort();
}
