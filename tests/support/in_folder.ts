import { join } from "@std/path";

/** Runs something with a folder of its own, which is removed with all that is in it. */
export async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
  try {
    await run(folder);
  } finally {
    await removeTree(folder);
  }
}

/** Removes a folder with all that is in it, read-only folders as those of a Nix store too: only root removes from them as they are. */
async function removeTree(folder: string): Promise<void> {
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
