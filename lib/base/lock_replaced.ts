import { type FileLock, lockFile } from "./file_lock.ts";

/**
 * Takes the lock of a file that whoever holds it replaces by another one of the same name, by a rename; where there is none, an
 * empty one is made. The lock of a file that was replaced while it was waited for is worth nothing: then the one that lies there
 * now is locked.
 *
 * @throws {TimedOutError} if the lock stayed taken for as long as {@linkcode lockFile} waits
 * @throws {KedgeError} if the file may not be written
 */
export async function lockReplaced(path: string): Promise<FileLock> {
  for (;;) {
    const lock = await lockFile(path);
    try {
      if (await lock.isInPlace()) return lock;
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
    lock[Symbol.dispose]();
  }
}
