import { join } from "@std/path";
import { foreseeFile, foreseeNames } from "../../base/foresee_names.ts";
import { checkPlaces } from "../folder/check_places.ts";
import { isOpenHere } from "../folder/open_databases.ts";
import type { NixFolder } from "../folder/nix_folder.ts";
import { plainFileInfo } from "../folder/plain_file.ts";
import { whileWritable } from "../folder/while_writable.ts";

/** What a run is about to write in what is mounted as `/nix`, beside its locks. */
export interface WritingAhead {
  /** Folders in it in which names come or go: `var/kedge`. */
  readonly folders: readonly string[];
  /** Whether the database changes. */
  readonly database: boolean;
}

/**
 * Fails as a run would that may not write what it is about to write; writes nothing, and waits for no lock. Only what the system tells is
 * foreseen.
 *
 * @throws {NotAllowedError} if it may not be written
 * @throws {VerificationError} if a link there would lead what is written to somewhere else
 */
export async function foreseeWriting(folder: NixFolder, ahead: WritingAhead): Promise<void> {
  const database = join(folder.databaseFolder, "db.sqlite");
  const files = [folder.lock, folder.gcLock, ...(ahead.database ? [database] : [])];
  const folders = ahead.folders.map((below) => join(folder.path, below));
  if (ahead.database) folders.push(folder.databaseFolder);
  await whileWritable(folder, async () => {
    await checkPlaces(folder);
    for (const path of files) {
      await plainFileInfo(path);
      // Of one that is open here nothing is foreseen: another handle of it would take its locks away.
      if (!isOpenHere(path)) foreseeFile(path);
    }
    folders.forEach(foreseeNames);
  });
}
