import { KedgeError } from "../base/errors.ts";
import { ifThere } from "../base/files.ts";

/**
 * Who uses a file, as far as Linux tells: a lock of another process, or a loop device on it. Linux takes some ten milliseconds to tell of locks.
 *
 * @returns who, for people; `undefined` if nobody is known to
 */
export async function usedBy(path: string): Promise<string | undefined> {
  const info = await ifThere(Deno.stat(path));
  if (info === undefined || Deno.build.os !== "linux") return undefined;
  const locks = await textOf("/proc/locks");
  for (const line of locks.split("\n")) {
    const match = /^\d+:\s+(?:->\s+)?\S+\s+\S+\s+\S+\s+(-?\d+)\s+\S+:\S+:(\d+)\s/.exec(line);
    if (match !== null && Number(match[2]) === info.ino && Number(match[1]) !== Deno.pid) {
      return Number(match[1]) > 0 ? `process ${match[1]} holds a lock on it` : "it is locked";
    }
  }
  try {
    for await (const { name } of Deno.readDir("/sys/block")) {
      if (!name.startsWith("loop")) continue;
      if ((await textOf(`/sys/block/${name}/loop/backing_file`)).trimEnd() === path) {
        return `the loop device /dev/${name} is on it`;
      }
    }
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  }
  return undefined;
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
    hint: "stop the machine that runs from it, or pull without --in-place",
    side: "destination",
  });
}

async function textOf(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (isUnreadable(error)) return "";
    throw error;
  }
}

function isUnreadable(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotCapable;
}
