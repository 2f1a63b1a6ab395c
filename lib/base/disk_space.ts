import defer * as fs from "node:fs";
import { dirname } from "@std/path";
import { formatBytes } from "./bytes.ts";
import { NoRoomError } from "./errors.ts";

/** The bytes that may still be written where a path lies or would lie; `undefined` where the system does not tell. */
export function freeBytes(path: string): number | undefined {
  for (let folder = path;; folder = dirname(folder)) {
    try {
      const { bavail, bsize } = fs.statfsSync(folder);
      return Number(bavail) * Number(bsize);
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code !== "ENOENT" && code !== "ENOTDIR") return undefined;
      if (dirname(folder) === folder) return undefined;
    }
  }
}

/**
 * Makes sure that so many bytes fit where a path lies or would lie.
 *
 * @throws {NoRoomError} if they do not
 */
export function checkFreeBytes(path: string, wantedBytes: number): void {
  const free = freeBytes(path);
  if (free === undefined || free >= wantedBytes) return;
  throw new NoRoomError(
    `Cannot write ${formatBytes(wantedBytes)} to "${path}": only ${formatBytes(free)} are free`,
    { hint: "make room, or name another folder", data: { wantedBytes, freeBytes: free } },
  );
}
