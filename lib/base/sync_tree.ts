import { join } from "@std/path";
import { syncFolder } from "./atomic_file.ts";
import { namePath } from "./name_path.ts";
import { runProcess } from "./process_group.ts";

/** What the system's `sync` says where the system refuses it, and the code of that. */
const refusals = [
  ["EIO", "Input/output error"],
  ["ENOSPC", "No space left on device"],
  ["EDQUOT", "Disk quota exceeded"],
];

/**
 * Makes all that was written below a folder durable: by one sync of its file system where the system's `sync` knows how, else file by file and folder by folder. The
 * system tells only once that something could not be written: who finds that does not count on what was written, whatever a later sync says.
 */
export async function syncTree(folder: string): Promise<void> {
  if (Deno.build.os === "linux" && await syncFileSystem(folder)) return;
  await syncBelow(folder);
}

async function syncFileSystem(folder: string): Promise<boolean> {
  try {
    const args = ["--file-system", folder];
    const { code, stderr } = await runProcess("sync", { args, env: { LC_ALL: "C" } });
    const said = /error syncing .*/.exec(stderr)?.[0];
    const refusal = refusals.find(([, words]) => said?.includes(words!))?.[0];
    if (said === undefined || refusal === undefined) return code === 0;
    throw Object.assign(new Error(said), { code: refusal });
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied;
    if (isMissing) return false;
    throw error;
  }
}

/** A folder after what it names: it is the names in it that become durable by its own sync. */
async function syncBelow(folder: string): Promise<void> {
  for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) await syncBelow(path);
    if (!isFile) continue;
    using file = await Deno.open(path);
    await file.syncData().catch((error) => {
      throw namePath(error, path);
    });
  }
  await syncFolder(folder).catch((error) => {
    throw namePath(error, folder);
  });
}
