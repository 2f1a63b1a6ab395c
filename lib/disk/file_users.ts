import { KedgeError } from "../base/errors.ts";
import { ifThere } from "../base/files.ts";
import { isUnreadable, mountOf, textOf } from "./mount_of.ts";

/**
 * Who uses a file, as far as Linux tells: a lock of another process, or a loop device on it. Linux takes some ten milliseconds to tell of locks.
 *
 * @returns who, for people; `undefined` if nobody is known to
 */
export async function usedBy(path: string): Promise<string | undefined> {
  const info = await ifThere(Deno.stat(path));
  if (info === undefined || Deno.build.os !== "linux") return undefined;
  const locks = await textOf("/proc/locks");
  let device: string | undefined;
  for (const line of locks.split("\n")) {
    const match = /^\d+:\s+(?:->\s+)?\S+\s+\S+\s+\S+\s+(-?\d+)\s+(\S+:\S+):(\d+)\s/.exec(line);
    if (match === null || Number(match[3]) !== info.ino) continue;
    const holder = Number(match[1]);
    if (holder === Deno.pid || holder === await ownNumber()) continue;
    device ??= await deviceOf(path);
    // Where the device is not told, the number alone must do.
    if (device !== undefined && device !== match[2]) continue;
    if (holder <= 0) return "it is locked";
    const name = (await textOf(`/proc/${holder}/comm`)).trimEnd();
    return `process ${holder}${name === "" ? "" : ` (${name})`} holds a lock on it`;
  }
  try {
    for await (const { name } of Deno.readDir("/sys/block")) {
      if (!name.startsWith("loop")) continue;
      const backing = (await textOf(`/sys/block/${name}/loop/backing_file`)).trimEnd();
      if (backing !== "" && await isSameFile(backing, info)) {
        return `the loop device /dev/${name} is on it`;
      }
    }
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  }
  return undefined;
}

/** The number of this process in `/proc`, which may be that of another container; `undefined` where it tells none. */
async function ownNumber(): Promise<number | undefined> {
  const number = /^\d+/.exec(await textOf("/proc/self/stat"))?.[0];
  return number === undefined ? undefined : Number(number);
}

/** Whether a path leads to a file, which may have other names too. */
async function isSameFile(path: string, { dev, ino }: Deno.FileInfo): Promise<boolean> {
  try {
    const there = await Deno.stat(path);
    return there.dev === dev && there.ino === ino;
  } catch (error) {
    if (isUnreadable(error) || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

/**
 * Refuses to change a file in place that somebody uses.
 *
 * @throws {KedgeError} if somebody does
 */
export async function refuseUsed(path: string): Promise<void> {
  const user = await usedBy(path);
  if (user === undefined) return;
  throw new KedgeError(`Cannot write "${path}" in place: ${user}`, {
    hint: "end what works with it, a machine or another pull, or pull without --in-place",
    side: "destination",
  });
}

/**
 * Refuses to vouch for a file that was written in place, and that somebody began to use meanwhile.
 *
 * @throws {KedgeError} if somebody did
 */
export async function refuseUsedSince(path: string): Promise<void> {
  const user = await usedBy(path);
  if (user === undefined) return;
  throw new KedgeError(`Cannot finish "${path}": ${user}, and may have written to it`, {
    hint: "end what works with it, and run the same command again",
    side: "destination",
  });
}

/**
 * The device of the file system that a file lies in, as Linux names it beside locks: `fe:00`; `undefined` where Linux does not tell. That of `stat` is
 * another one in a file system of several volumes.
 */
async function deviceOf(path: string): Promise<string | undefined> {
  const mount = await mountOf(path);
  if (mount === undefined) return undefined;
  const mounts = await textOf("/proc/self/mountinfo");
  const numbers = new RegExp(`^${mount} \\d+ (\\d+):(\\d+) `, "m").exec(mounts);
  return numbers?.slice(1).map((each) => Number(each).toString(16).padStart(2, "0")).join(":");
}
