/** What Linux tells of where a file is mounted. @module */
import defer * as fs from "node:fs";
import { isGranted } from "../base/is_granted.ts";

/** Opens a name without the file behind it, so that no right to read is needed, and closing takes no lock away. */
const pathOnly = 0o10000000;

/** The number of the mount that a path leads to; `undefined` where the system does not tell, or Deno would ask first, or nothing is there. */
export async function mountOf(path: string): Promise<string | undefined> {
  if (Deno.build.os !== "linux" || !isGranted({ name: "read", path: "/proc/self/fdinfo" })) {
    return undefined;
  }
  let file: number;
  try {
    file = fs.openSync(path, pathOnly);
  } catch {
    return undefined; // Gone meanwhile.
  }
  try {
    return /^mnt_id:\s*(\d+)$/m.exec(await textOf(`/proc/self/fdinfo/${file}`))?.[1];
  } finally {
    fs.closeSync(file);
  }
}

/** The text of a file of the system; none where it may not be read. */
export async function textOf(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (isUnreadable(error)) return "";
    throw error;
  }
}

/** Whether an error says that the system, or Deno, does not let this process look, or that the process that was to be looked at ended; Deno gives that no code. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotCapable ||
    error instanceof Error && error.message.includes("(os error 3)");
}
