import { KedgeError, NotAllowedError } from "../../base/errors.ts";
import { isDenied, isReadOnly } from "../../base/files.ts";
import type { NixFolder } from "./nix_folder.ts";

/**
 * Does something that writes to what is mounted as `/nix`.
 *
 * @throws {NotAllowedError} if nothing may be written there
 */
export async function whileWritable<T>(folder: NixFolder, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    const denied = cause instanceof KedgeError ? cause.cause : cause;
    if (!isReadOnly(denied)) throw cause;
    throw new NotAllowedError(`Cannot write to "${folder.path}": ${(denied as Error).message}`, {
      cause,
      hint: isDenied(denied)
        ? "run as the user who owns the folder"
        : "mount its file system for writing, or name another place",
    });
  }
}
