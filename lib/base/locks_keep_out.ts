import { fileSystemType } from "./disk_space.ts";

/** The types of the file systems that are folders shared by SMB. */
const shares: readonly number[] = [0x517b, 0xff534d42, 0xfe534d42];

/**
 * Whether a lock on a file keeps out whoever has it open besides, also this process where it writes by another handle: on Windows, and in a folder
 * that Linux has by SMB. Where Deno would ask first, the folder is taken for another one.
 */
export function locksKeepOut(path: string): boolean {
  if (Deno.build.os !== "linux") return Deno.build.os === "windows";
  return shares.includes(fileSystemType(path) ?? 0);
}
