import { join } from "@std/path";

/** Removes a folder with all that is in it, read-only folders as those of a Nix store too: only root removes from them as they are. */
export async function removeTree(folder: string): Promise<void> {
  try {
    await Deno.remove(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    await allowWriting(folder);
    await Deno.remove(folder, { recursive: true });
  }
}

async function allowWriting(folder: string): Promise<void> {
  await Deno.chmod(folder, 0o700);
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) await allowWriting(join(folder, name));
  }
}
