/**
 * The database in which Nix notes the valid paths of a store.
 *
 * Invariants: a database of a newer schema than the one known here is never touched; every change is one transaction; reading makes no file
 * beside the database; what is read is checked as anything else from outside, since an image's database is a stranger's.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { join, relative } from "@std/path";
import { VerificationError } from "../../base/errors.ts";
import { sqliteLogBytes, whileSqliteBusy } from "../../base/sqlite.ts";
import { damagedDatabase, withDatabase } from "./database_failure.ts";
import { type NixFolder, nixStoreDir } from "./nix_folder.ts";
import {
  checkNixSchema,
  checkNixTables,
  hasNixSchema,
  nixTables,
  noteNixSchema,
} from "./nix_schema.ts";
import { noteOpen } from "./open_databases.ts";
import { openToChange } from "./open_to_change.ts";
import { openToRead } from "./open_to_read.ts";
import { plainFileInfo } from "./plain_file.ts";
import { compareBytes, tryParseStorePath } from "../store_path.ts";
import { parseStoreRow, type StoreRow } from "./store_row.ts";

const busyMs = 60_000;
const mostRows = 5_000_000;
/** What sqlite keeps beside a database. */
const besides = ["-journal", "-shm", "-wal"];

/** Reads and changes the database in a folder. */
export class StoreDatabase implements Disposable {
  #database: DatabaseSync;
  #path: string;
  #close: () => void;
  readonly #noted: Disposable;

  private constructor(database: DatabaseSync, path: string, close: () => void) {
    this.#database = database;
    this.#path = path;
    this.#close = close;
    this.#noted = noteOpen(path);
  }

  /**
   * Opens a database to be read; `undefined` if there is none, or one that was only begun: it is empty, and no schema is noted.
   *
   * @throws {KedgeError} if its schema is another than the one known here
   * @throws {VerificationError} if it is damaged, or none of Nix's
   */
  static async read(folder: string): Promise<StoreDatabase | undefined> {
    const path = join(folder, "db.sqlite");
    const info = await plainFileInfo(path);
    if (info === undefined) return undefined;
    for (const suffix of besides) await plainFileInfo(path + suffix);
    await checkNixSchema(folder);
    if (info.size === 0 && sqliteLogBytes(path) === 0 && !await hasNixSchema(folder)) {
      return undefined;
    }
    return withDatabase("read", path, () => {
      const { database, close } = openToRead(path, busyMs);
      try {
        checkNixTables(database, path);
        return new StoreDatabase(database, path, close);
      } catch (error) {
        close();
        throw error;
      }
    });
  }

  /**
   * Opens the database of what is mounted as `/nix` to be changed, and makes it where there is none. Its folder must be there.
   *
   * @throws {KedgeError} if its schema is another than the one known here
   * @throws {VerificationError} if it is damaged, or none of Nix's, or a link led to another one
   */
  static async change(folder: NixFolder): Promise<StoreDatabase> {
    const { databaseFolder } = folder;
    const path = join(databaseFolder, "db.sqlite");
    for (const suffix of ["", ...besides]) await plainFileInfo(path + suffix);
    await checkNixSchema(databaseFolder);
    const real = join(await Deno.realPath(folder.path), relative(folder.path, path));
    const opened = withDatabase("change", path, () => {
      const database = openToChange(folder, path, { real, timeoutMs: busyMs });
      try {
        whileSqliteBusy(() => database.exec(`begin immediate; ${nixTables} commit;`));
        checkNixTables(database, path);
        return new StoreDatabase(database, path, () => database.close());
      } catch (error) {
        database.close();
        throw error;
      }
    });
    await noteNixSchema(folder);
    return opened;
  }

  /** All valid paths, by their base names. */
  rows(): Map<string, StoreRow> {
    return withDatabase("read", this.#path, () => {
      const rows = new Map<string, StoreRow>();
      const byId = new Map<number, { references: string[]; outputs: Record<string, string> }>();
      const names = new Map<number, string>();
      for (const row of this.#database.prepare("select * from ValidPaths").iterate()) {
        if (rows.size >= mostRows) {
          throw damagedDatabase(this.#path, `it has more than ${mostRows} rows`);
        }
        const parsed = parseStoreRow(row, this.#path);
        const more = { references: [] as string[], outputs: {} as Record<string, string> };
        rows.set(parsed.storePath.baseName, { ...parsed, ...more });
        byId.set(Number(row["id"]), more);
        names.set(Number(row["id"]), parsed.storePath.baseName);
      }
      for (const row of this.#database.prepare("select referrer, reference from Refs").iterate()) {
        const name = names.get(Number(row["reference"]));
        const referrer = byId.get(Number(row["referrer"]));
        if (name === undefined || referrer === undefined) {
          throw damagedDatabase(this.#path, "a reference is of a path that is not there");
        }
        referrer.references.push(name);
      }
      for (const { references } of byId.values()) references.sort(compareBytes);
      const outputs = this.#database.prepare("select drv, id, path from DerivationOutputs");
      for (const row of outputs.iterate()) {
        const output = tryParseStorePath(String(row["path"]));
        if (output === undefined) {
          throw damagedDatabase(this.#path, "an output is not a store path");
        }
        const drv = byId.get(Number(row["drv"]));
        if (drv !== undefined) drv.outputs[String(row["id"])] = output.baseName;
      }
      return rows;
    });
  }

  /** How many of these paths are valid. */
  countValid(baseNames: readonly string[]): number {
    return withDatabase("read", this.#path, () => {
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
          "values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (path) do update set hash = excluded.hash, narSize = excluded.narSize, " +
          "ultimate = excluded.ultimate, sigs = excluded.sigs, ca = excluded.ca",
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
    this.#close();
    this.#noted[Symbol.dispose]();
  }

  #transaction(run: () => void): void {
    withDatabase("change", this.#path, () => {
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
