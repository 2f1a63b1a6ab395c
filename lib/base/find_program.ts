import { join } from "@std/path";

/** Where a program is in PATH, or `undefined`. */
export async function findProgram(name: string): Promise<string | undefined> {
  const separator = Deno.build.os === "windows" ? ";" : ":";
  for (const folder of (Deno.env.get("PATH") ?? "").split(separator)) {
    if (folder === "") continue;
    const path = join(folder, name);
    try {
      const { isFile, mode } = await Deno.stat(path);
      if (isFile && (mode === null || (mode & 0o111) !== 0)) return path;
    } catch (error) {
      const missing = error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotADirectory;
      if (!missing) throw error;
    }
  }
  return undefined;
}
