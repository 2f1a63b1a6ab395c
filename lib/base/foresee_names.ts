import defer * as fs from "node:fs";
import { dirname } from "@std/path";
import { codeOf } from "./errors.ts";
import { isGranted } from "./is_granted.ts";

/** Makes a file without a name, which is gone once it is closed. */
const nameless = 0o20000000;
const refusals = ["EACCES", "EPERM", "EROFS"];
/** The types of file systems in which nobody but the kernel makes names: /proc and /sys. */
const ofKernel = [0x9fa0, 0x62656572];

/**
 * Fails as making or removing a name in a folder would, where the system refuses that; writes nothing. Of a folder that is not there, the nearest
 * one above it counts. Only Linux tells, and not of every file system.
 *
 * @throws the system's own error, with its code
 */
export function foreseeNames(folder: string): void {
  if (Deno.build.os !== "linux") return;
  const { O_RDWR, O_DIRECTORY } = fs.constants;
  for (let path = folder; mayChange(path); path = dirname(path)) {
    try {
      return fs.closeSync(fs.openSync(path, nameless | O_DIRECTORY | O_RDWR, 0o600));
    } catch (cause) {
      const { code = "", message } = cause as { code?: string; message: string };
      if (code === "EROFS") throw cause;
      if (refusals.includes(code) || code === "ENOTSUP" && isOfKernel(path)) {
        throw Object.assign(new Deno.errors.PermissionDenied(message, { cause }), { code });
      }
      if (code !== "ENOENT" || dirname(path) === path) return;
    }
  }
}

/**
 * Fails as changing a file, or making it where it is not there, would; writes nothing.
 *
 * @throws the system's own error, with its code
 */
export function foreseeFile(path: string): void {
  if (!mayChange(path)) return;
  try {
    Deno.openSync(path, { read: true, write: true }).close();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return foreseeNames(dirname(path));
    const isRefused = refusals.includes(codeOf(error) ?? "");
    if (isRefused || isRunning(error)) throw error;
  }
}

/** Whether an error says that a program runs from a file, which cannot be written for that; Deno gives it no code. */
export function isRunning(error: unknown): boolean {
  return Deno.build.os !== "windows" && error instanceof Error &&
    error.message.includes("(os error 26)");
}

/** Whether a folder is of the kernel's; `false` where Deno would ask first for what tells, of a file system that makes no file without a name. */
function isOfKernel(path: string): boolean {
  return isGranted({ name: "sys", kind: "statfs" }) &&
    ofKernel.includes(fs.statfsSync(path).type);
}

/** Where Deno would ask first, or refuse, the run itself says so. */
function mayChange(path: string): boolean {
  return isGranted({ name: "read", path }) && isGranted({ name: "write", path });
}
