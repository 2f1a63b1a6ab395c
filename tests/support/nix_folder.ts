import { join } from "@std/path";
import { NixFolder } from "../../lib/nix/folder/nix_folder.ts";
import { inFolder } from "./in_folder.ts";

/** Runs with an empty folder for `/nix` and another beside it; both are gone afterwards. */
export async function inNixFolder(
  run: (folder: NixFolder, other: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (dir) => {
    await Deno.mkdir(join(dir, "nix"));
    await Deno.mkdir(join(dir, "other"));
    await run(new NixFolder(join(dir, "nix")), join(dir, "other"));
  });
}

/** How the lock of such a folder is taken. */
export const lockOptions = {
  timeoutMs: 1000,
  onWait() {},
  signal: new AbortController().signal,
};
