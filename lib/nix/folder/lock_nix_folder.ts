import { type FileLock, lockFile } from "../../base/file_lock.ts";
import { KedgeError } from "../../base/errors.ts";
import { checkPlaces } from "./check_places.ts";
import { makeFolders } from "./make_folders.ts";
import type { NixFolder } from "./nix_folder.ts";
import { plainFileInfo } from "./plain_file.ts";
import { whileWritable } from "./while_writable.ts";

/** Options of {@linkcode lockNixFolder}. */
export interface LockNixFolderOptions {
  /** Whether paths are to be deleted: then no Nix may be at work there. */
  deleting?: boolean;
  /** How long to wait, in milliseconds. */
  timeoutMs: number;
  /** Told when somebody else is at work there. */
  onWait: (message: string) => void;
  /** Ends the wait. */
  signal: AbortSignal;
}

/**
 * Keeps others from changing a folder: a second kedge, and Nix's garbage collector, which would delete what is not valid yet.
 *
 * @throws {TimedOutError} if somebody else stayed at work there
 * @throws {NotAllowedError} if nothing may be written there
 * @throws {VerificationError} if a link there would lead what is written to somewhere else
 */
export async function lockNixFolder(
  folder: NixFolder,
  options: LockNixFolderOptions,
): Promise<Disposable> {
  const { deleting = false, timeoutMs, onWait, signal } = options;
  const take = async (path: string, shared: boolean, who: string): Promise<FileLock> => {
    using lock = new DisposableStack();
    const taken = lock.use(
      await lockFile(path, {
        shared,
        timeoutMs,
        signal,
        onWait: () => onWait(`${who} is at work in "${folder.path}"; waiting`),
      }),
    );
    // A container may have put a link there since it was looked for: then what is locked lies elsewhere.
    if (await plainFileInfo(path) === undefined || !await taken.isInPlace()) {
      throw new KedgeError(`Cannot lock "${path}": another file was put in its place`, {
        side: "destination",
        hint: "try again when no other program has the folder as /nix",
      });
    }
    lock.move();
    return taken;
  };
  return await whileWritable(folder, async () => {
    using stack = new DisposableStack();
    await checkPlaces(folder);
    makeFolders(folder, ["var/kedge", "var/nix"]);
    stack.use(await take(folder.lock, false, "another run"));
    stack.use(await take(folder.gcLock, !deleting, "Nix"));
    return stack.move();
  });
}
