import { basename, dirname } from "@std/path";
import { writeFileAtomic } from "../../base/atomic_file.ts";
import { Beneath } from "./beneath.ts";
import type { NixFolder } from "./nix_folder.ts";
import { removeBelow } from "./remove_below.ts";

/** Writes a small file, by its path below what is mounted as `/nix`, in one rename, for all to read; the folders above it are made. */
export async function writeNote(folder: NixFolder, path: string, text: string): Promise<void> {
  using beneath = new Beneath(folder.path);
  beneath.makeFolder(dirname(path));
  // A run that is killed leaves no note with a name that not all may read: what is written once is not written again.
  const onWritten = (temporary: string) =>
    beneath.settleFile(`${dirname(path)}/${basename(temporary)}`, 0o644);
  await beneath.use(path, (name) => writeFileAtomic(name, text, { onWritten }));
}

/** Removes such a file; that it is gone already is fine. */
export async function removeNote(folder: NixFolder, path: string): Promise<void> {
  using beneath = new Beneath(folder.path);
  await removeBelow(beneath, path);
}
