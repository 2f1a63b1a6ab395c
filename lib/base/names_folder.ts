/** Whether a path is written as that of a folder: with a separator at its end. */
export function namesFolder(path: string): boolean {
  return path.endsWith("/") || Deno.build.os === "windows" && path.endsWith("\\");
}
