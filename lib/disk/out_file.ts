/**
 * The file that a pull writes, told from any other that takes its name: two pulls of one file that know nothing of each other meet there.
 *
 * Invariants: what was found to stand in a file counts for that file alone; a file gets its final name only from the pull that wrote it.
 *
 * @module
 */
import { KedgeError } from "../base/errors.ts";
import { closeLocked } from "../base/file_lock.ts";
import { ifThere, lookAt } from "../base/files.ts";
import { clearPlace, type DiskFile, mayOpen } from "./disk_file.ts";
import { fileState, sameState } from "./known_files.ts";
import { busyFile, isPulled, isPulledElsewhere, lockOut, unlockOut } from "./other_pulls.ts";
import type { PulledFile } from "./pulled_file.ts";
import { inWordsOfFile, refuseAdding, refuseKept } from "./refuse_fixed.ts";

/** What tells a file from others, whatever their names; a number that became free is given to the next file, so that its time of birth counts too. */
export type FileIdentity = Pick<Deno.FileInfo, "birthtime" | "dev" | "ino">;

/**
 * Makes sure that the file can be written, where it has to be, and is as it was when it was looked at; it is made where none was, in place of whatever does not count.
 *
 * @param held keeps it open and locked, so that another pull with another cache finds out at once
 * @throws {NotAllowedError} if it may never be changed, or lies where names may only be added
 * @throws {KedgeError} if it is gone, was changed, another one has its name, another pull writes to it, or a program runs from it
 */
export async function openOut(
  { file, out, seen, stands }: PulledFile,
  held: DisposableStack,
): Promise<Deno.FileInfo> {
  if (await isPulledElsewhere(file, out)) throw busyFile(file);
  using known = seen === undefined ? undefined : await opened(out, { read: true });
  const before = await known?.stat();
  if (before !== undefined) refuseOther(out, before, seen!);
  const create = seen === undefined;
  if (create) {
    if (lookAt(out)?.isFile === true && await isPulled(out)) throw busyFile(file);
    await clearPlace(out);
    refuseAdding(file.path);
  } else if (mayOpen(file, out, before!)) {
    await openMode(file, out, known!, before!);
  }
  const options = stands
    ? { read: true }
    : { read: true, write: true, create, ...modeOf(file.info) };
  const written = held.adopt(await opened(out, options), closeLocked);
  if (!lockOut(out, written)) throw busyFile(file);
  if (before !== undefined) refuseChanged(out, before, seen!);
  refuseKept(out, file.path);
  const info = await written.stat();
  // One that is not empty was begun by another pull: what the plan takes for zeros need not be zeros there.
  if (create && (lookAt(out)?.ino !== info.ino || info.size > 0)) {
    throw taken(out, "another file has its name by now");
  }
  // A file of a container's image was copied now, and born anew; while it is open here, its number is no other's.
  if (seen !== undefined) refuseOther(out, info, { ...seen, birthtime: info.birthtime });
  return info;
}

/**
 * Makes sure that a file stayed as it was while all of it was read.
 *
 * @param seen the file before
 * @throws {KedgeError} if it did not
 */
export async function refuseUnsteady(path: string, seen: Deno.FileInfo): Promise<void> {
  const info = await ifThere(Deno.stat(path));
  if (info !== undefined && sameState(fileState(info), fileState(seen))) return;
  throw new KedgeError(`Cannot take "${path}" for the disk: it was changed while it was read`, {
    hint: "stop what writes to it, and run the same command again",
    side: "destination",
  });
}

/**
 * Makes sure that the name is still that of the file that is to be written, as whoever gives it to another looks for its journal first.
 *
 * @param written the file, which is open
 * @throws {KedgeError} if it is gone, or another one has its name
 */
export async function refuseTaken(path: string, written: FileIdentity): Promise<void> {
  const info = await ifThere(Deno.stat(path));
  if (info === undefined) throw taken(path, "it is gone");
  refuseOther(path, info, written);
}

/**
 * Opens the file that is written once more, by its name.
 *
 * @param written the file, which is open
 * @throws {KedgeError} if it is gone, or another one has its name
 */
export async function openWritten(
  path: string,
  written: FileIdentity,
  options: Deno.OpenOptions = { read: true, write: true },
): Promise<Deno.FsFile> {
  const file = await opened(path, options);
  try {
    refuseOther(path, await file.stat(), written);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * Does what writes to a file by its name.
 *
 * @param written the file, which is open
 * @throws {KedgeError} if that failed, and the file is gone, or another one has its name
 */
export async function whileOurs<T>(
  path: string,
  written: FileIdentity,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await refuseTaken(path, written);
    throw error;
  }
}

/**
 * Gives an unfinished file back to its owner, under its lock alone: another pull that is about to give it its name has set its mode already.
 *
 * @param known the file, which is open
 */
async function openMode(
  file: DiskFile,
  out: string,
  known: Deno.FsFile,
  { mode }: Deno.FileInfo,
): Promise<void> {
  if (!lockOut(out, known)) throw busyFile(file);
  try {
    // Who gives it another name has it locked.
    await refuseTaken(out, await known.stat());
    await Deno.chmod(out, mode! & 0o7777 | 0o600);
  } finally {
    unlockOut(known);
  }
}

/**
 * Makes what was written durable.
 *
 * @param written the file that was written
 * @throws {KedgeError} if it has not the size that it must have, is gone, or another one has its name
 */
export async function settle(
  { out, stands }: Pick<PulledFile, "out" | "stands">,
  sizeBytes: number,
  written: FileIdentity,
): Promise<void> {
  using file = await openWritten(out, written, { read: true, write: !stands });
  const { size } = await file.stat();
  if (size !== sizeBytes) {
    throw new KedgeError(
      `Cannot finish "${out}": it has ${size} bytes instead of ${sizeBytes}`,
      { hint: "does another program write to it?", side: "destination" },
    );
  }
  await file.syncData();
}

/** The mode of a file that must be for no other eyes than one that is there, while it is written; it may be another group's then. */
export function modeOf(info: Deno.FileInfo | undefined): { mode?: number } {
  const mode = info?.mode;
  return mode === null || mode === undefined ? {} : { mode: forOtherGroup(mode) | 0o600 };
}

/** The mode of a file with which another group than that for which it was made may do no more than everybody. */
export function forOtherGroup(mode: number): number {
  return mode & 0o707 | mode & 0o070 & (mode & 0o007) << 3;
}

async function opened(path: string, options: Deno.OpenOptions): Promise<Deno.FsFile> {
  const file = await inWordsOfFile(path, () => ifThere(Deno.open(path, options)));
  if (file === undefined) throw taken(path, "it is gone");
  return file;
}

function refuseChanged(path: string, info: Deno.FileInfo, seen: Deno.FileInfo): void {
  if (sameState(fileState(info), fileState(seen))) return;
  throw taken(path, "it was changed after it was read");
}

function refuseOther(path: string, info: FileIdentity, known: FileIdentity): void {
  if (isSameFile(info, known)) return;
  throw taken(path, "another file has its name by now");
}

/** Whether two looks saw one file. */
export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  const sameBirth = a.birthtime?.getTime() === b.birthtime?.getTime();
  return a.ino === b.ino && a.dev === b.dev && sameBirth;
}

function taken(path: string, state: string): KedgeError {
  return new KedgeError(`Cannot write "${path}": ${state}`, {
    hint: "does another program write to it, or pull to it? run the same command again",
    side: "destination",
  });
}
