import { join } from "@std/path";
import { runProcess } from "./process_group.ts";

/**
 * Makes all that was written below a folder durable: by one sync of its file system where the system's `sync` knows how, else file by file.
 */
export async function syncTree(folder: string): Promise<void> {
  if (Deno.build.os === "linux" && await syncFileSystem(folder)) return;
  await syncFiles(folder);
}

async function syncFileSystem(folder: string): Promise<boolean> {
  try {
    return (await runProcess("sync", { args: ["--file-system", folder] })).code === 0;
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied;
    if (isMissing) return false;
    throw error;
  }
}

async function syncFiles(folder: string): Promise<void> {
  for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) await syncFiles(path);
    if (!isFile) continue;
    using file = await Deno.open(path);
    await file.syncData();
  }
}
