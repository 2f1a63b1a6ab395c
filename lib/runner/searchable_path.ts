import { delimiter } from "node:path";

/**
 * PATH without the folders that this user may not enter, as those of root after `su`: dax gives a command up at the first of them, where
 * any other shell looks in the next folder. An empty part stays: dax passes it over, but to what is started it is the folder in which that
 * looks. Nothing where PATH can stay as it is, or may not be read.
 */
export function searchablePath(path = pathOfProcess()): { PATH?: string } {
  const folders = (path ?? "").split(delimiter);
  const entered = folders.filter((folder) => folder === "" || !isForbidden(folder));
  return entered.length === folders.length ? {} : { PATH: entered.join(delimiter) };
}

function pathOfProcess(): string | undefined {
  try {
    return Deno.env.get("PATH");
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

function isForbidden(folder: string): boolean {
  if (Deno.permissions.querySync({ name: "read", path: folder }).state !== "granted") return false;
  try {
    Deno.statSync(`${folder}/.`);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.PermissionDenied;
  }
}
