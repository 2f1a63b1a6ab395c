import { persistFile } from "../base/atomic_file.ts";
import { codeOf } from "../base/errors.ts";
import { isDenied } from "../base/files.ts";
import type { Step } from "../operation/operation.ts";
import { leaveNothing, leftBeside } from "./disk_file.ts";
import { usedBy } from "./file_users.ts";
import { fileState, type SeenState, setBackTime } from "./known_files.ts";
import { isPulled, refusePulled } from "./other_pulls.ts";
import { type FileIdentity, forOtherGroup, isSameFile, refuseTaken } from "./out_file.ts";
import type { PulledFile } from "./pulled_file.ts";

/**
 * Gives the written file its name, where it has not got it, and takes away what only the pull needed.
 *
 * @param written the file that was written
 * @returns the state of that file; `undefined` if another one has the name by now
 * @throws {KedgeError} if another pull writes to the file that has the name, or what was written is gone, or another file is in its place
 */
export async function giveName(
  pulled: PulledFile,
  written: FileIdentity,
  step: Step,
): Promise<SeenState | undefined> {
  const { file, out } = pulled;
  const mtimeMs = out === file.path ? undefined : await replace(pulled, written, step);
  const info = await Deno.stat(file.path);
  const { partials, journals } = await leftBeside(file);
  const ours = [...file.saved, file.journal, ...journals];
  for (const path of ours) await leaveNothing(path);
  for (const { path } of partials) if (!await isPulled(path)) await leaveNothing(path);
  if (!isSameFile(info, written)) return undefined;
  const state = fileState(info);
  // What was beside was known to nobody else until now, and its time was set back.
  return { ...state, certain: state.mtimeMs === mtimeMs };
}

/**
 * Gives the file that was written beside another the name of that one.
 *
 * @returns the mtime that it has from here on until somebody writes to it
 */
async function replace(
  { file, out }: PulledFile,
  written: FileIdentity,
  step: Step,
): Promise<number> {
  const { path, info } = file;
  await refuseTaken(out, written);
  const mtimeMs = await setBackTime(out);
  const user = await usedBy(path);
  if (user !== undefined) {
    step.meter.note(`${path}: ${user}; who has it open keeps the old version`, "warning");
  }
  const mode = info === undefined ? {} : await giveOwner(out, info, step);
  await persistFile(out, path, {
    ...mode,
    beforeName: async () => {
      await refusePulled(file);
      await refuseTaken(out, written);
    },
  });
  return mtimeMs;
}

/**
 * Makes a file that of the owner and the group of the one that it replaces, as far as this user may.
 *
 * @returns the mode that it may have then
 */
async function giveOwner(
  out: string,
  { uid, gid, mode }: Deno.FileInfo,
  step: Step,
): Promise<{ mode?: number }> {
  if (uid === null || gid === null || mode === null) return {};
  const kept = { mode: mode & 0o7777 };
  const own = await Deno.stat(out);
  if (own.uid === uid && own.gid === gid) return kept;
  try {
    await Deno.chown(out, uid, gid);
    return kept;
  } catch (error) {
    // A container need not know all users that its folders have files of.
    const isUnknown = codeOf(error) === "EINVAL";
    if (!isUnknown && !isDenied(error)) throw error;
    const hasGroup = own.gid === gid || await giveGroup(out, gid);
    const why = isUnknown ? "no such user is known here" : "this user may not give files away";
    const now = `${own.uid}:${hasGroup ? gid : own.gid}`;
    step.meter.note(
      `the file belonged to ${uid}:${gid}, and belongs to ${now} now, since ${why}`,
      "warning",
    );
    return { mode: hasGroup ? mode & 0o777 : forOtherGroup(mode) };
  }
}

/** Makes a file that of a group; `false` where that cannot be. */
async function giveGroup(out: string, gid: number): Promise<boolean> {
  try {
    await Deno.chown(out, null, gid);
    return true;
  } catch {
    return false;
  }
}
