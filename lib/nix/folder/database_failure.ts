import {
  isNoRoom,
  KedgeError,
  NoRoomError,
  NotAllowedError,
  VerificationError,
} from "../../base/errors.ts";
import { failingDiskHint } from "../../base/failing_disk.ts";
import {
  isSqliteDamaged,
  isSqliteDenied,
  isSqliteFailing,
  isSqliteForeign,
  isSqliteFull,
} from "../../base/sqlite.ts";

/** The error of a database that is not what Nix writes. */
export function damagedDatabase(path: string, state: string, cause?: unknown): VerificationError {
  return new VerificationError(`Cannot read the Nix database "${path}": ${state}`, {
    cause,
    hint: "carry the image into another volume or folder, or bring the database back, " +
      "from a backup or by .recover of sqlite3",
  });
}

/**
 * Does something with a database; what sqlite says of a failure becomes an error of kedge's own.
 *
 * @throws {NoRoomError} if the disk is full
 * @throws {NotAllowedError} if this user may not read or write it
 * @throws {VerificationError} if the database is damaged
 */
export function withDatabase<T>(action: string, path: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof KedgeError) throw cause;
    if (isNoRoom(cause) || isSqliteFull(cause, path)) {
      throw new NoRoomError(`Cannot ${action} "${path}": the disk is full`, {
        cause,
        hint: "make room, and run it again: what is there already is not copied again",
      });
    }
    const { message } = cause as Error;
    if (isSqliteDamaged(cause) || isSqliteForeign(cause)) {
      throw damagedDatabase(path, message, cause);
    }
    const refused = `Cannot ${action} the Nix database "${path}": ${message}`;
    if (isSqliteFailing(cause)) throw new KedgeError(refused, { cause, hint: failingDiskHint });
    if (!isSqliteDenied(cause, path)) throw new KedgeError(refused, { cause });
    throw new NotAllowedError(refused, { cause, hint: "run as the user who owns its files" });
  }
}
