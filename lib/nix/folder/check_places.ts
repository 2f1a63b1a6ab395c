import { VerificationError } from "../../base/errors.ts";
import { ifThere } from "../../base/files.ts";
import type { NixFolder } from "./nix_folder.ts";

/** Folders that are written in, each after what it lies in. */
const folders = [
  "store",
  "var",
  "var/kedge",
  "var/kedge/images",
  "var/nix",
  "var/nix/gcroots",
  "var/nix/gcroots/kedge",
  "var/nix/profiles",
  "var/nix/temproots",
  "var/nix/db",
];
/** What else is written in them. */
const written = [
  "var/kedge/lock",
  "var/kedge/staging",
  "var/nix/gc.lock",
  "var/nix/db/db.sqlite",
  "var/nix/db/db.sqlite-journal",
  "var/nix/db/db.sqlite-shm",
  "var/nix/db/db.sqlite-wal",
  "var/nix/db/schema",
];

/**
 * Refuses a folder in which a link would lead what is written there to somewhere else on this machine, or which has something else where a
 * folder must be: a container that had it as `/nix` may have put it there.
 *
 * @throws {VerificationError} naming it
 */
export async function checkPlaces({ path }: NixFolder): Promise<void> {
  const refused = (below: string, state: string, advice: string) =>
    new VerificationError(`Cannot write to "${path}": "${path}/${below}" ${state}`, {
      hint: `a program that had the folder as /nix may have put it there; ${advice}, and remove it`,
      side: "destination",
    });
  for (const below of [...folders, ...written]) {
    const info = await ifThere(Deno.lstat(`${path}/${below}`));
    if (info === undefined) continue;
    if (info.isSymlink) {
      throw refused(below, "is a link, and leads elsewhere", "look where it leads");
    }
    if (!info.isDirectory && folders.includes(below)) {
      throw refused(below, "is not a folder", "look at it");
    }
  }
}
