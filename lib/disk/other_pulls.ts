/**
 * Other pulls of a file: each has the file that it writes locked.
 *
 * @module
 */
import { KedgeError } from "../base/errors.ts";
import { closeLocked } from "../base/file_lock.ts";
import { isDenied } from "../base/files.ts";
import { locksKeepOut } from "../base/locks_keep_out.ts";
import { busyError, pulledElsewhere } from "./busy.ts";
import { type DiskFile, isHalfWritten, leftBeside } from "./disk_file.ts";
import { usedBy } from "./file_users.ts";

/**
 * Refuses to take the name from a file that another pull writes in place.
 *
 * @throws {KedgeError} if one does
 */
export async function refusePulled(file: DiskFile): Promise<void> {
  if (isHalfWritten(file) && await isPulled(file.path)) throw busyFile(file);
}

/** Whether another pull writes to a file in place, or to an unfinished version of it other than `out`. */
export async function isPulledElsewhere(file: DiskFile, out: string): Promise<boolean> {
  // Other programs have the file itself locked too.
  if (out !== file.path && isHalfWritten(file) && await isPulled(file.path)) return true;
  for (const { path } of (await leftBeside(file)).partials) {
    if (path !== out && await isPulled(path)) return true;
  }
  return false;
}

/** Whether another pull writes to an unfinished version of a file, which need not be this user's to read or write. */
export async function isPulled(partial: string): Promise<boolean> {
  let wasDenied = false;
  for (const options of [{ read: true, write: true }, { read: true }, { write: true }]) {
    let file: Deno.FsFile;
    try {
      file = await Deno.open(partial, options);
    } catch (error) {
      if (!isDenied(error)) return false; // It is gone meanwhile.
      wasDenied = true;
      continue;
    }
    try {
      if (!lockOut(partial, file)) return true;
      break;
    } finally {
      closeLocked(file);
    }
  }
  return wasDenied && await usedBy(partial) !== undefined;
}

/**
 * Locks a file, if nobody else has; a file system without locks, or whose locks fail, lets everybody in. Where a lock would keep out what this process
 * writes by other handles, there is none.
 */
export function lockOut(path: string, file: Deno.FsFile): boolean {
  if (locksKeepOut(path)) return true;
  try {
    return file.tryLockSync(true);
  } catch {
    return true;
  }
}

/** Frees the lock of a file that stays open. */
export function unlockOut(file: Deno.FsFile): void {
  try {
    file.unlockSync();
  } catch {
    // Then there was none.
  }
}

/** What is said where another pull writes to a file. */
export function busyFile({ path }: Pick<DiskFile, "path">): KedgeError {
  return new KedgeError(...busyError(pulledElsewhere(path)));
}
