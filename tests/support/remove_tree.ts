import { delay } from "@std/async";
import { join } from "@std/path";
import { codeOf } from "../../lib/base/errors.ts";

/** What ends does so within this many looks. */
const mostLooks = 1000;

/**
 * Removes a folder with all that is in it, read-only folders as those of a Nix store too: only root removes from them as they are. Whoever
 * still puts something there is waited for, as what podman and sshd leave behind that tidies up after a program that was killed.
 */
export async function removeTree(folder: string): Promise<void> {
  let mayWrite = false;
  for (let looks = 0;; looks++) {
    try {
      return await Deno.remove(folder, { recursive: true });
    } catch (error) {
      if (codeOf(error) === "ENOTEMPTY" && looks < mostLooks) await delay(20);
      else if (error instanceof Deno.errors.PermissionDenied && !mayWrite) {
        await allowWriting(folder);
        mayWrite = true;
      } else throw error;
    }
  }
}

async function allowWriting(folder: string): Promise<void> {
  await Deno.chmod(folder, 0o700);
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) await allowWriting(join(folder, name));
  }
}
