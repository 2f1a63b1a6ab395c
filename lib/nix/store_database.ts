/**
 * The database in which Nix notes the valid paths of a store.
 *
 * Invariants: a database of a newer schema than the one known here is never touched; every change is one transaction; reading makes no file
 * beside the database; what is read is checked as anything else from outside, since an image's database is a stranger's.
 *
 * Follows `src/libstore/schema.sql` and `local-store.cc` of Nix, schema 10, which every Nix from 2.0 on has.
 *
 * @module
 */
import defer * as sqlite from "node:sqlite";
import { join } from "@std/path";
import { writeFileAtomic } from "../base/atomic_file.ts";
import { KedgeError, NoRoomError, VerificationError } from "../base/errors.ts";
import { isSqliteFull, whileSqliteBusy } from "../base/sqlite.ts";
import { nixStoreDir } from "./nix_folder.ts";
import { parseNixHash } from "./nix_hash.ts";
import type { PathInfo } from "./path_info.ts";
import { compareBytes, isStoreBaseName, tryParseStorePath } from "./store_path.ts";

/** A row of the database, with what refers to it. */
export interface StoreRow extends PathInfo {
  /** When it became valid, in seconds since 1970. */
  registeredSeconds: number;
  /** Whether it was built here. */
  ultimate: boolean;
  /** Of a derivation: its outputs, by their names. */
  outputs: Readonly<Record<string, string>>;
}

/** The schema that is read and written here. */
export const nixSchema = 10;

const schema = `
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

const tables = ["ValidPaths", "Refs", "DerivationOutputs"];
const busyMs = 60_000;
const mostRows = 5_000_000;

/** Deno takes the URI of a database for the path of a file unless all permissions are granted, that to call foreign code among them. */
function mayNameByUri(): boolean {
  return Deno.permissions.querySync({ name: "ffi" }).state === "granted";
}

/** Reads and changes the database in a folder. */
export class StoreDatabase implements Disposable {
  #database: sqlite.DatabaseSync;
  #path: string;

  private constructor(database: sqlite.DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
  }

  /**
   * Opens a database to be read; `undefined` if there is none.
   *
   * @throws {KedgeError} if its schema is another than the one known here
   * @throws {VerificationError} if it is damaged, or none of Nix's
   */
  static async read(folder: string): Promise<StoreDatabase | undefined> {
    const path = join(folder, "db.sqlite");
    if (await sizeOf(path) === undefined) return undefined;
    await checkSchema(folder);
    // Opening a database with a log makes files beside it, unless it is said to stand still; a log that has something in it is there.
    const still = mayNameByUri() && (await sizeOf(`${path}-wal`) ?? 0) === 0;
    const name = still
      ? `file:${encodeURI(path).replaceAll(/[?#]/g, encodeURIComponent)}?immutable=1`
      : path;
    return working("read", path, () => {
      const database = new sqlite.DatabaseSync(name, { readOnly: true, timeout: busyMs });
      try {
        checkTables(database, path);
        return new StoreDatabase(database, path);
      } catch (error) {
        database.close();
        throw error;
      }
    });
  }

  /** Opens a database to be changed, and makes it where there is none. The folder must be there. */
  static async change(folder: string): Promise<StoreDatabase> {
    const path = join(folder, "db.sqlite");
    await checkSchema(folder);
    const opened = working("change", path, () => {
      const database = new sqlite.DatabaseSync(path, {
        timeout: busyMs,
        enableForeignKeyConstraints: true,
      });
      try {
        whileSqliteBusy(() => database.exec(`begin immediate; ${schema} commit;`));
        checkTables(database, path);
        return new StoreDatabase(database, path);
      } catch (error) {
        database.close();
        throw error;
      }
    });
    if (await sizeOf(join(folder, "schema")) === undefined) {
      await writeFileAtomic(join(folder, "schema"), String(nixSchema));
    }
    return opened;
  }

  /** All valid paths, by their base names. */
  rows(): Map<string, StoreRow> {
    return working("read", this.#path, () => {
      const rows = new Map<string, StoreRow>();
      const byId = new Map<number, { references: string[]; outputs: Record<string, string> }>();
      const names = new Map<number, string>();
      for (const row of this.#database.prepare("select * from ValidPaths").iterate()) {
        if (rows.size >= mostRows) throw damaged(this.#path, `it has more than ${mostRows} rows`);
        const parsed = parseRow(row, this.#path);
        const more = { references: [] as string[], outputs: {} as Record<string, string> };
        rows.set(parsed.storePath.baseName, { ...parsed, ...more });
        byId.set(Number(row["id"]), more);
        names.set(Number(row["id"]), parsed.storePath.baseName);
      }
      for (const row of this.#database.prepare("select referrer, reference from Refs").iterate()) {
        const name = names.get(Number(row["reference"]));
        const referrer = byId.get(Number(row["referrer"]));
        if (name === undefined || referrer === undefined) {
          throw damaged(this.#path, "a reference is of a path that is not there");
        }
        referrer.references.push(name);
      }
      for (const { references } of byId.values()) references.sort(compareBytes);
      const outputs = this.#database.prepare("select drv, id, path from DerivationOutputs");
      for (const row of outputs.iterate()) {
        const output = tryParseStorePath(String(row["path"]));
        if (output === undefined) throw damaged(this.#path, "an output is no store path");
        const drv = byId.get(Number(row["drv"]));
        if (drv !== undefined) drv.outputs[String(row["id"])] = output.baseName;
      }
      return rows;
    });
  }

  /** How many of these paths are valid. */
  countValid(baseNames: readonly string[]): number {
    return working("read", this.#path, () => {
      const row = this.#database.prepare(
        "select count(*) as count from ValidPaths where path in (select ? || value from json_each(?))",
      ).get(`${nixStoreDir}/`, JSON.stringify(baseNames));
      return Number(row?.["count"] ?? 0);
    });
  }

  /** Makes paths valid, all or none; whoever calls has proven that they are there with that hash. */
  register(rows: readonly StoreRow[]): void {
    this.#transaction(() => {
      const insert = this.#database.prepare(
        "insert into ValidPaths (path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca) " +
          "values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (path) do update set hash = excluded.hash, narSize = excluded.narSize",
      );
      const id = this.#database.prepare("select id from ValidPaths where path = ?");
      const idOf = (baseName: string): number => {
        const row = id.get(pathOf(baseName));
        if (row !== undefined) return Number(row["id"]);
        throw new VerificationError(
          `Cannot register paths in "${this.#path}": "${baseName}" is needed and not valid`,
        );
      };
      for (const row of rows) {
        insert.run(
          row.storePath.path,
          row.narHash,
          row.registeredSeconds,
          row.deriver === undefined ? null : pathOf(row.deriver),
          row.narSize,
          row.ultimate ? 1 : null,
          row.signatures.length === 0 ? null : row.signatures.join(" "),
          row.ca ?? null,
        );
      }
      const refer = this.#database.prepare("insert or replace into Refs values (?, ?)");
      const output = this.#database.prepare(
        "insert or replace into DerivationOutputs (drv, id, path) values (?, ?, ?)",
      );
      for (const row of rows) {
        const own = idOf(row.storePath.baseName);
        for (const reference of row.references) refer.run(own, idOf(reference));
        for (const [name, baseName] of Object.entries(row.outputs)) {
          output.run(own, name, pathOf(baseName));
        }
      }
    });
  }

  /**
   * Makes paths invalid, all or none.
   *
   * @throws {KedgeError} if a path that stays needs one of them
   */
  forget(baseNames: readonly string[]): void {
    this.#transaction(() => {
      const gone = this.#database.prepare(
        "delete from Refs where referrer = (select id from ValidPaths where path = ?)",
      );
      const row = this.#database.prepare("delete from ValidPaths where path = ?");
      for (const name of baseNames) gone.run(pathOf(name));
      for (const name of baseNames) row.run(pathOf(name));
    });
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.#database.close();
  }

  #transaction(run: () => void): void {
    working("change", this.#path, () => {
      this.#database.exec("begin immediate");
      try {
        run();
        this.#database.exec("commit");
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec("rollback");
        throw error;
      }
    });
  }
}

function pathOf(baseName: string): string {
  return `${nixStoreDir}/${baseName}`;
}

function parseRow(
  row: Record<string, unknown>,
  database: string,
): Omit<StoreRow, "references" | "outputs"> {
  const path = String(row["path"]);
  const storePath = tryParseStorePath(path);
  const shown = JSON.stringify(path.slice(0, 300));
  if (storePath === undefined || storePath.storeDir !== nixStoreDir) {
    throw damaged(database, `${shown} is no path of ${nixStoreDir}`);
  }
  const { narSize, deriver, sigs, ca, registrationTime, ultimate } = row;
  if (typeof narSize !== "number" || !Number.isSafeInteger(narSize) || narSize <= 0) {
    throw damaged(database, `${shown} has no size`);
  }
  const drv = typeof deriver === "string" ? deriver.slice(nixStoreDir.length + 1) : "";
  return {
    storePath,
    narHash: parseNixHash(String(row["hash"])),
    narSize,
    ...(isStoreBaseName(drv) ? { deriver: drv } : {}),
    signatures: typeof sigs === "string" ? sigs.split(" ").filter((each) => each !== "") : [],
    ...(typeof ca === "string" && ca !== "" ? { ca } : {}),
    registeredSeconds: Number(registrationTime),
    ultimate: ultimate === 1,
  };
}

/** Nix keeps the number of the schema in a file of its own. */
async function checkSchema(folder: string): Promise<void> {
  const path = join(folder, "schema");
  if (await sizeOf(path) === undefined) return;
  const text = (await Deno.readTextFile(path)).trim();
  if (text === String(nixSchema)) return;
  const found = /^\d{1,6}$/.test(text) ? Number(text) : undefined;
  if (found === undefined) throw damaged(path, `${JSON.stringify(text.slice(0, 40))} is no number`);
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

/** Views could do anything; only plain tables are read. */
function checkTables(database: sqlite.DatabaseSync, path: string): void {
  const names = database.prepare("select name from sqlite_master where type = 'table'").all()
    .map((row) => String(row["name"]));
  const missing = tables.find((table) => !names.includes(table));
  if (missing !== undefined) throw damaged(path, `it has no table ${missing}`);
}

function damaged(path: string, state: string, cause?: unknown): VerificationError {
  return new VerificationError(`Cannot read the Nix database "${path}": ${state}`, { cause });
}

function working<T>(action: string, path: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof KedgeError) throw cause;
    if (isSqliteFull(cause, path)) {
      throw new NoRoomError(`Cannot ${action} "${path}": the disk is full`, { cause });
    }
    const { message, errcode } = cause as { message: string; errcode?: number };
    if (errcode === 11 || errcode === 26) throw damaged(path, message, cause);
    throw new KedgeError(`Cannot ${action} the Nix database "${path}": ${message}`, { cause });
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await Deno.lstat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}
