import { VerificationError } from "../base/errors.ts";
import type { NixFolder } from "./nix_folder.ts";

/** What is written below the folder, each after what it lies in. */
const written = [
  "store",
  "var",
  "var/kedge",
  "var/kedge/images",
  "var/kedge/lock",
  "var/kedge/staging",
  "var/nix",
  "var/nix/gc.lock",
  "var/nix/gcroots",
  "var/nix/profiles",
  "var/nix/temproots",
  "var/nix/db",
  "var/nix/db/db.sqlite",
  "var/nix/db/db.sqlite-journal",
  "var/nix/db/db.sqlite-shm",
  "var/nix/db/db.sqlite-wal",
  "var/nix/db/schema",
];

/**
 * Refuses a folder in which a link would lead what is written there to somewhere else on this machine: a container that had it as
 * `/nix` may have put one.
 *
 * @throws {VerificationError} naming the link
 */
export async function checkNoLinks({ path }: NixFolder): Promise<void> {
  for (const below of written) {
    const at = `${path}/${below}`;
    let info: Deno.FileInfo;
    try {
      info = await Deno.lstat(at);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      throw error;
    }
    if (!info.isSymlink) continue;
    throw new VerificationError(
      `Cannot write to "${path}": "${at}" is a link, and leads elsewhere`,
      {
        hint:
          "a program that had the folder as /nix may have put it there; look where it leads, and remove it",
        side: "destination",
      },
    );
  }
}
