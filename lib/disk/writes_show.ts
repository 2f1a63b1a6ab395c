import { fileSystemType } from "../base/disk_space.ts";
import { syncData } from "../base/sync_data.ts";

/** The types of the file systems that lie in memory: ramfs, tmpfs. What is written there through a mapping shows only the first time. */
const inMemory: readonly number[] = [0x858458f6, 0x01021994];

/**
 * Sees to it that whatever is written to a file from here on gives it another mtime. A program that has it mapped changes that by the first write to a page alone,
 * until the page is brought to the disk: so all are brought there.
 *
 * @returns whether that is so
 */
export async function writesShow(path: string): Promise<boolean> {
  const type = fileSystemType(path);
  // Where Deno would ask first what it is, it may lie in memory.
  if (type === undefined ? Deno.build.os === "linux" : inMemory.includes(type)) return false;
  try {
    await syncData(path);
    return true;
  } catch {
    return false; // A file system that cannot sync, or Windows, which syncs nothing that may only be read.
  }
}
