import defer * as sqlite from "node:sqlite";
import { join } from "@std/path";
import { lookAt } from "../../base/files.ts";
import { standingName } from "../../base/sqlite.ts";

/** SQLite's code for a journal that must be brought back first, where nothing may be written. */
const readOnlyRollback = 776;

/** A database that is open to be read. */
export interface OpenToRead {
  /** The database. */
  readonly database: sqlite.DatabaseSync;
  /** Closes it. */
  readonly close: () => void;
}

/**
 * Opens a database to be read; no file is made beside it. What a killed process was about to change, and left a journal of, is as it was before:
 * that is read from a copy, since whoever only reads does not mend.
 *
 * @param timeout how long SQLite waits for others, in milliseconds
 */
export function openToRead(path: string, timeout: number): OpenToRead {
  const hasJournal = (lookAt(`${path}-journal`)?.size ?? 0) > 0;
  const options = { readOnly: true, timeout };
  const database = new sqlite.DatabaseSync(hasJournal ? path : standingName(path), options);
  const opened = { database, close: () => database.close() };
  if (!hasJournal) return opened;
  try {
    database.prepare("select count(*) from sqlite_master").get();
    return opened;
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== readOnlyRollback) throw error;
    return openCopy(path, timeout);
  }
}

function openCopy(path: string, timeout: number): OpenToRead {
  const folder = Deno.makeTempDirSync({ prefix: "kedge-database-" });
  const remove = () => Deno.removeSync(folder, { recursive: true });
  try {
    const copy = join(folder, "db.sqlite");
    for (const suffix of ["", "-journal"]) Deno.copyFileSync(path + suffix, copy + suffix);
    const database = new sqlite.DatabaseSync(copy, { timeout });
    const close = () => {
      database.close();
      remove();
    };
    return { database, close };
  } catch (error) {
    remove();
    throw error;
  }
}
