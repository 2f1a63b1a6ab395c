import defer * as sqlite from "node:sqlite";
import { relative } from "@std/path";
import { VerificationError } from "../../base/errors.ts";
import { lookAt } from "../../base/files.ts";
import { existingName } from "../../base/sqlite.ts";
import { Beneath } from "./beneath.ts";
import type { NixFolder } from "./nix_folder.ts";

/**
 * Opens the database at a path in what is mounted as `/nix`, and makes it, empty, where there is none. SQLite follows links, also one that was
 * put there since it was looked for; so the file is made before, behind no link, and what was opened must be the file at that path.
 *
 * @param of `real`: the path behind all links above the folder; `timeoutMs`: how long SQLite waits for others
 * @throws {VerificationError} if a link led to another one
 */
export function openToChange(
  folder: NixFolder,
  path: string,
  { real, timeoutMs }: { real: string; timeoutMs: number },
): sqlite.DatabaseSync {
  makeFile(folder, relative(folder.path, path));
  const database = openThere(path, timeoutMs);
  const location = database.location();
  if (location === real) return database;
  database.close();
  throw misled(path, String(location));
}

/** Makes the file where there is none, for all to read, as Nix does; one without a byte may be left of who was killed before it was that. */
function makeFile(folder: NixFolder, below: string): void {
  using beneath = new Beneath(folder.path);
  const isBegun = beneath.use(below, (name) => {
    try {
      Deno.openSync(name, { write: true, createNew: true, mode: 0o644 }).close();
      return true;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      const info = lookAt(name);
      return info?.isFile === true && info.size === 0;
    }
  });
  if (isBegun) beneath.settleFile(below, 0o644);
}

function openThere(path: string, timeout: number): sqlite.DatabaseSync {
  try {
    const options = { timeout, enableForeignKeyConstraints: true };
    return new sqlite.DatabaseSync(existingName(path), options);
  } catch (error) {
    if (lookAt(path)?.isSymlink === true) throw misled(path, Deno.readLinkSync(path));
    throw error;
  }
}

function misled(path: string, to: string): VerificationError {
  return new VerificationError(
    `Cannot change the Nix database "${path}": a link leads to "${to}"`,
    {
      hint:
        "a program that had the folder as /nix may have put it there; look where it leads, and remove it",
      side: "destination",
    },
  );
}
