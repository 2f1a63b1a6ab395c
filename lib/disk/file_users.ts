import { KedgeError } from "../base/errors.ts";
import { lookAt } from "../base/files.ts";

/**
 * Who uses a file, as far as Linux tells: a lock of another process, or a loop device on it. It is asked for at once, since the kernel
 * answers sooner than a thread would have begun with it.
 *
 * @param path the file's real path
 * @returns who, for people; `undefined` if nobody is known to
 */
export function usedBy(path: string): string | undefined {
  const info = lookAt(path);
  if (info === undefined || Deno.build.os !== "linux") return undefined;
  const locks = textOf("/proc/locks");
  for (const line of locks.split("\n")) {
    const match = /^\d+:\s+(?:->\s+)?\S+\s+\S+\s+\S+\s+(-?\d+)\s+\S+:\S+:(\d+)\s/.exec(line);
    if (match !== null && Number(match[2]) === info.ino && Number(match[1]) !== Deno.pid) {
      return Number(match[1]) > 0 ? `process ${match[1]} holds a lock on it` : "it is locked";
    }
  }
  try {
    for (const { name } of Deno.readDirSync("/sys/block")) {
      if (!name.startsWith("loop")) continue;
      if ((textOf(`/sys/block/${name}/loop/backing_file`)).trimEnd() === path) {
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
export function refuseUsed(path: string): void {
  const user = usedBy(path);
  if (user === undefined) return;
  throw new KedgeError(`Cannot write "${path}" in place: ${user}`, {
    hint: "stop the machine that runs from it, or pull without --in-place",
    side: "destination",
  });
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (isUnreadable(error)) return "";
    throw error;
  }
}

function isUnreadable(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotCapable;
}
