import { isNoRoom, KedgeError, NoRoomError } from "../base/errors.ts";
import { isNotThere } from "../base/files.ts";

/**
 * The error of a download whose data the disk here does not take: no server has to do with it, so that none is asked again. What says
 * already what it is stays as it is.
 */
export function diskFailure(folder: string, error: unknown): KedgeError {
  if (error instanceof KedgeError) return error;
  const options = { cause: error, side: "destination" } as const;
  const state = (error as Error).message;
  if (isNoRoom(error)) return new NoRoomError(`Cannot write to "${folder}": ${state}`, options);
  if (!isNotThere(error)) return new KedgeError(`Cannot write to "${folder}": ${state}`, options);
  return new KedgeError(`Cannot write to "${folder}": it was removed meanwhile`, {
    ...options,
    hint: "run it again, when nobody empties what it is in",
  });
}
