const delimiter = Deno.build.os === "windows" ? ";" : ":";

/** The folders that the variable PATH names. */
export function pathFolders(path: string | undefined): string[] {
  return (path ?? "").split(delimiter).filter((folder) => folder !== "");
}
