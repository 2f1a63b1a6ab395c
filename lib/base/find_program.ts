import { fileInPath } from "./file_in_path.ts";

/** Where a program is in PATH, or `undefined`. */
export async function findProgram(name: string): Promise<string | undefined> {
  const found = await fileInPath(name);
  return found?.isExecutable ? found.path : undefined;
}
