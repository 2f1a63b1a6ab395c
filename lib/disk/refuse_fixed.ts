/** Files that cannot be written or replaced, whatever the permissions of their folder say; found before anything is moved. @module */
import defer * as fs from "node:fs";
import { dirname } from "@std/path";
import { codeOf, KedgeError, NotAllowedError } from "../base/errors.ts";
import { lookAt } from "../base/files.ts";
import { foreseeNames, isRunning } from "../base/foresee_names.ts";
import { isGranted } from "../base/is_granted.ts";
import { ownUid } from "../base/own_uid.ts";
import { mountOf } from "./mount_of.ts";

/**
 * Refuses to replace a file that is there where the last step, which gives another one its name, would fail. Writes nothing; where the system does
 * not tell, that step does.
 *
 * @throws {NotAllowedError} if somebody else alone may replace it, or nobody
 * @throws {KedgeError} if it is a mount point
 */
export async function refuseFixed(path: string): Promise<void> {
  if (Deno.build.os !== "linux" || !mayChange(path)) return;
  const [own, around] = await Promise.all([mountOf(path), mountOf(dirname(path))]);
  if (own !== undefined && around !== undefined && own !== around) {
    throw new KedgeError(`Cannot replace "${path}": it is a mount point`, {
      hint: "pull into it with --in-place, or end the mount",
      side: "destination",
    });
  }
  if (!isKept(path)) return;
  try {
    (await Deno.open(path, { write: true })).close();
  } catch (cause) {
    if (isForbidden(cause)) throw unchangeable(`Cannot replace "${path}"`, path, cause);
  }
  if (!isSticky(path)) throw fixedFolder(`Cannot replace "${path}"`, path);
  throw new NotAllowedError(
    `Cannot replace "${path}": it belongs to another user, in a folder where each file is its ` +
      `owner's to replace`,
    {
      hint: `run it as the user ${lookAt(path)?.uid}, or pull to another file`,
      side: "destination",
    },
  );
}

/**
 * Refuses to write a file in whose folder no name may be taken away, its own and that of a journal among them.
 *
 * @param out the file itself, or the one beside it, which may be written
 * @throws {NotAllowedError} if it lies in such a folder
 */
export function refuseKept(out: string, path: string): void {
  if (Deno.build.os !== "linux" || !mayChange(out) || !isKept(out)) return;
  if (out !== path) throw fixedFolder(`Cannot make "${path}"`, path);
  // Else it may be that of another user, which stays his.
  if (!isSticky(path)) throw fixedFolder(`Cannot write "${path}"`, path);
}

/**
 * Fails as making a file beside the one that it is to become would; writes nothing.
 *
 * @param path the file that it is to become
 * @throws {NotAllowedError} if it lies in an immutable folder
 */
export function foreseeBeside(path: string): void {
  try {
    foreseeNames(dirname(path));
  } catch (error) {
    throw isForbidden(error) ? fixedFolder(`Cannot make "${path}"`, path) : error;
  }
}

/**
 * Refuses to make a file beside the one that it is to become, in a folder of this user's from which no name may be taken away, nor that of this file
 * if it is made. The system is asked to set the times of the folder to now, as making the file does, which it refuses there to the owner too.
 *
 * @param path the file that it is to become
 * @throws {NotAllowedError} if it lies in such a folder
 */
export function refuseAdding(path: string): void {
  const folder = dirname(path);
  if (isImmutable(folder)) throw fixedFolder(`Cannot make "${path}"`, path);
  if (Deno.build.os !== "linux" || !mayChange(folder)) return;
  const owner = lookAt(folder)?.uid;
  if (owner === undefined || owner !== ownUid()) return;
  const now = new Date();
  try {
    Deno.utimeSync(folder, now, now);
  } catch (error) {
    if (isForbidden(error)) throw fixedFolder(`Cannot make "${path}"`, path);
    // Else making the file tells.
  }
}

/**
 * Opens a file, and tells in more words than the system's why it cannot be written.
 *
 * @throws {NotAllowedError} if nobody may change it
 * @throws {KedgeError} if a program runs from it
 */
export async function inWordsOfFile<T>(path: string, open: () => Promise<T> | T): Promise<T> {
  try {
    return await open();
  } catch (cause) {
    if (isForbidden(cause)) throw unchangeable(`Cannot write "${path}"`, path, cause);
    if (!isRunning(cause)) throw cause;
    throw new KedgeError(`Cannot write "${path}": a program runs from it`, {
      hint: "end the program, or pull without --in-place",
      side: "destination",
      cause,
    });
  }
}

function unchangeable(what: string, path: string, cause: unknown): NotAllowedError {
  return new NotAllowedError(`${what}: it is immutable, or may only be appended to`, {
    hint: `take that away with chattr -ia "${path}", or pull to another file`,
    side: "destination",
    cause,
  });
}

function fixedFolder(what: string, path: string): NotAllowedError {
  const folder = dirname(path);
  const [state, flag] = isImmutable(folder)
    ? [`the folder "${folder}" is immutable`, "i"]
    : [`names may only be added to the folder "${folder}", and not be taken away`, "a"];
  return new NotAllowedError(`${what}: ${state}`, {
    hint: `take that away with chattr -${flag} "${folder}", or pull to another file`,
    side: "destination",
  });
}

function isImmutable(folder: string): boolean {
  try {
    foreseeNames(folder);
  } catch (error) {
    return isForbidden(error);
  }
  return false;
}

/**
 * Whether the system refuses to take a file's name away. It is asked to remove a folder of that name, which it refuses for any file, and for this
 * reason first; the slash at the end, which Deno leaves out where it may write only some folders, says so too.
 */
function isKept(path: string): boolean {
  try {
    fs.rmdirSync(`${path}/`);
  } catch (error) {
    return isForbidden(error);
  }
  return false;
}

/** Whether each file in the folder of a path is its owner's to take away. */
function isSticky(path: string): boolean {
  return ((lookAt(dirname(path))?.mode ?? 0) & 0o1000) !== 0;
}

/** Whether an error says that nobody may do that, whatever the permissions of the file say; other systems than Linux say so for more reasons. */
function isForbidden(error: unknown): boolean {
  return Deno.build.os === "linux" && codeOf(error) === "EPERM";
}

/** Where Deno would ask first, or refuse, the last step itself says so. */
function mayChange(path: string): boolean {
  return isGranted({ name: "write", path });
}
