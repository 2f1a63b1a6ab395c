import { isNoRoom, KedgeError, NoRoomError } from "../base/errors.ts";

/** What to do when room ran out in the middle. */
export const roomHint = "make room, and run the same command again: it goes on where it was";

/**
 * Does work that writes to a place, and names the place if its room runs out, or its file system takes no file so large; the
 * system's own error names nothing.
 *
 * @param hint what to do where room ran out
 * @throws {NoRoomError} if it does
 * @throws {KedgeError} if the file is too large
 */
export async function withRoom<T>(path: string, hint: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isTooLarge(cause)) {
      const state = "the file is too large for its file system, or for a limit of this process";
      throw new KedgeError(`Cannot write to "${path}": ${state}`, { cause });
    }
    if (!isNoRoom(cause)) throw cause;
    throw new NoRoomError(`Cannot write to "${path}": no room is left`, { cause, hint });
  }
}

/** Whether it is `EFBIG`, for which Deno has no class and no code. */
function isTooLarge(error: unknown): boolean {
  return Deno.build.os !== "windows" && error instanceof Error &&
    error.message.endsWith("(os error 27)");
}
