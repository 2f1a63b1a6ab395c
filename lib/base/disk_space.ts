import defer * as fs from "node:fs";
import { dirname } from "@std/path";
import { formatBytes } from "./bytes.ts";
import { codeOf, isNoRoom, NoRoomError } from "./errors.ts";
import { isNotThere } from "./files.ts";
import { isGranted } from "./is_granted.ts";

/** The types of the file systems that may store what is written in fewer bytes: btrfs, ZFS, bcachefs. */
const compressing: readonly number[] = [0x9123683e, 0x2fc12fc1, 0xca451a4e];

/** What a small file takes of most file systems, in bytes. */
export const leastBlock = 4096;

/**
 * The bytes that may still be written where a path lies or would lie; `undefined` where the system does not tell: of a file system that has no size
 * either, such as a tmpfs without a limit.
 */
export function freeBytes(path: string): number | undefined {
  const stats = fileSystemAt(path);
  if (stats === undefined || Number(stats.blocks) === 0) return undefined;
  return Number(stats.bavail) * Number(stats.bsize);
}

/** Whether not one more file may be made where a path lies; `false` where the system does not tell. */
export function lacksFiles(path: string): boolean {
  const stats = fileSystemAt(path);
  return stats !== undefined && Number(stats.files) > 0 && Number(stats.ffree) === 0;
}

/** How many bytes a file takes of its disk; where the system does not tell, as Windows, all that it has. */
export function takenBytes({ size, blocks }: Pick<Deno.FileInfo, "size" | "blocks">): number {
  return blocks === null ? size : blocks * 512;
}

/**
 * A name for the disk on which a path lies or would lie: that of two paths is the same where the system says that they are on one. Where Deno
 * would ask before that can be told, it is the path.
 */
export function diskOf(path: string): string {
  for (let folder = path;; folder = dirname(folder)) {
    if (!mayRead(folder)) return path;
    try {
      const { dev } = Deno.statSync(folder);
      return dev === 0 ? path : String(dev);
    } catch (error) {
      if (!isNotThere(error) || dirname(folder) === folder) return path;
    }
  }
}

/** Whether what is written where a path lies or would lie may take less room than it has bytes. */
export function mayCompress(path: string): boolean {
  return compressing.includes(fileSystemType(path) ?? 0);
}

/**
 * The number that Linux gives to the kind of file system in which a path lies or would lie; `undefined` where the system does not tell, or
 * Deno would ask first.
 */
export function fileSystemType(path: string): number | undefined {
  const stats = mayAsk(path) ? fileSystemAt(path) : undefined;
  return stats && Number(stats.type) >>> 0;
}

function fileSystemAt(path: string): fs.StatsFs | undefined {
  for (let folder = path;; folder = dirname(folder)) {
    try {
      return fs.statfsSync(folder);
    } catch (error) {
      const code = codeOf(error);
      if (code !== "ENOENT" && code !== "ENOTDIR") return undefined;
      if (dirname(folder) === folder) return undefined;
    }
  }
}

/** Whether Deno lets the system be asked about the disk on which a path lies or would lie, without asking anybody first. */
function mayAsk(path: string): boolean {
  return isGranted({ name: "sys", kind: "statfs" }) && mayRead(nearestFolder(path));
}

/** The path, or what is nearest above it of what is there, as far as that may be looked at. */
function nearestFolder(path: string): string {
  for (let folder = path;; folder = dirname(folder)) {
    if (!mayRead(folder)) return folder;
    try {
      Deno.statSync(folder);
      return folder;
    } catch (error) {
      if (!isNotThere(error) || dirname(folder) === folder) return folder;
    }
  }
}

function mayRead(path: string): boolean {
  return isGranted({ name: "read", path });
}

/**
 * Makes sure that so many bytes fit where a path lies or would lie. That spares the bytes that would be moved in vain, and is left where Deno
 * would ask somebody for it: a disk without room shows in the end as well.
 *
 * @param name what people call the path
 * @throws {NoRoomError} if they do not
 */
export function checkFreeBytes(path: string, wantedBytes: number, name = path): void {
  if (wantedBytes <= 0 || !mayAsk(path)) return;
  const free = freeBytes(path);
  if (free === undefined || free >= wantedBytes) return;
  throw new NoRoomError(
    `Cannot write ${formatBytes(wantedBytes)} to "${name}": only ${formatBytes(free)} are free`,
    { hint: "make room, or name another folder", data: { wantedBytes, freeBytes: free } },
  );
}

/**
 * Does what writes where a path lies; that the disk filled up on the way is said in so many words.
 *
 * @throws {NoRoomError} if the disk is full
 */
export async function whileRoom<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (!isNoRoom(cause)) throw cause;
    const state = mayAsk(path) && lacksFiles(path)
      ? "the disk takes no more files"
      : "the disk is full";
    throw new NoRoomError(`Cannot write to "${path}": ${state}`, {
      cause,
      hint: "make room, and run it again: what is there already is not copied again",
    });
  }
}
