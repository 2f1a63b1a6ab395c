import { delimiter } from "node:path";
import { pathFolders } from "../base/path_folders.ts";

/**
 * PATH without the folders that this user may not enter, as those of root after `su`: dax gives a command up at the first of them, where
 * any other shell looks in the next folder. Nothing where PATH can stay as it is, or may not be read.
 */
export function searchablePath(path = pathOfProcess()): { PATH?: string } {
  const folders = pathFolders(path);
  const entered = folders.filter((folder) => !isForbidden(folder));
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
