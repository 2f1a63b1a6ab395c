/**
 * The schema of Nix's database.
 *
 * Follows `src/libstore/schema.sql` and `local-store.cc` of Nix, schema 10, which every Nix from 2.0 on has.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { join } from "@std/path";
import { KedgeError } from "../../base/errors.ts";
import { damagedDatabase } from "./database_failure.ts";
import type { NixFolder } from "./nix_folder.ts";
import { readPlainFile } from "./plain_file.ts";
import { writeNote } from "./write_note.ts";

/** The schema that is read and written here. */
const nixSchema = 10;

/** Makes the tables that are not there. */
export const nixTables = `
create table if not exists ValidPaths (
  id integer primary key autoincrement not null, path text unique not null, hash text not null,
  registrationTime integer not null, deriver text, narSize integer, ultimate integer, sigs text, ca text
);
create table if not exists Refs (
  referrer integer not null, reference integer not null, primary key (referrer, reference),
  foreign key (referrer) references ValidPaths(id) on delete cascade,
  foreign key (reference) references ValidPaths(id) on delete restrict
);
create index if not exists IndexReferrer on Refs(referrer);
create index if not exists IndexReference on Refs(reference);
create trigger if not exists DeleteSelfRefs before delete on ValidPaths begin
  delete from Refs where referrer = old.id and reference = old.id;
end;
create table if not exists DerivationOutputs (
  drv integer not null, id text not null, path text not null, primary key (drv, id),
  foreign key (drv) references ValidPaths(id) on delete cascade
);
create index if not exists IndexDerivationOutputs on DerivationOutputs(path);
`;

const largestSchemaBytes = 1024;
const tables = ["ValidPaths", "Refs", "DerivationOutputs"];
/**
 * Refuses a database of another schema; Nix keeps the number in a file of its own.
 *
 * @throws {KedgeError} if it is newer or older than the one known here
 */
export async function checkNixSchema(folder: string): Promise<void> {
  const path = join(folder, "schema");
  const text = (await readPlainFile(path, largestSchemaBytes))?.trim();
  if (text === undefined) return;
  if (text === String(nixSchema)) return;
  const found = /^\d{1,6}$/.test(text) ? Number(text) : undefined;
  if (found === undefined) {
    throw damagedDatabase(path, `${JSON.stringify(text.slice(0, 40))} is not a number`);
  }
  throw new KedgeError(
    found > nixSchema
      ? `Cannot use the database "${folder}": its schema is ${found}, newer than ${nixSchema}, ` +
        "which every Nix from 2.0 on has"
      : `Cannot use the database "${folder}": its schema is ${found}, of a Nix before 2.0`,
    {
      hint: found > nixSchema
        ? "a newer Nix made it; name another volume"
        : "let a Nix of today open it once, which brings it up to date",
      data: { schema: found, known: nixSchema },
    },
  );
}

/** Refuses a database that lacks a table. Views and virtual tables could do anything; only plain tables, which have a page, are read. */
export function checkNixTables(database: DatabaseSync, path: string): void {
  const names = database.prepare(
    "select name from sqlite_master where type = 'table' and rootpage > 0",
  ).all()
    .map((row) => String(row["name"]));
  const missing = tables.find((table) => !names.includes(table));
  if (missing !== undefined) throw damagedDatabase(path, `it has no table ${missing}`);
}

/** Whether a schema is noted: it is once the database has its tables. */
export async function hasNixSchema(folder: string): Promise<boolean> {
  return await readPlainFile(join(folder, "schema"), largestSchemaBytes) !== undefined;
}

/** Notes the schema where none is noted. */
export async function noteNixSchema(folder: NixFolder): Promise<void> {
  if (!await hasNixSchema(folder.databaseFolder)) {
    await writeNote(folder, "var/nix/db/schema", String(nixSchema));
  }
}
