import { isNoRoom, NoRoomError } from "../base/errors.ts";

/** What to do when room ran out in the middle. */
export const roomHint = "make room, and run the same command again: it goes on where it was";

/**
 * Does work that writes to a place, and names the place if its room runs out; the system's own error names nothing.
 *
 * @param hint what to do then
 * @throws {NoRoomError} if it does
 */
export async function withRoom<T>(path: string, hint: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!isNoRoom(cause)) throw cause;
    throw new NoRoomError(`Cannot write to "${path}": no room is left`, { cause, hint });
  }
}
