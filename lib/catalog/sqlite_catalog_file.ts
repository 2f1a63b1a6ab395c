/**
 * The file of a SQLite catalog.
 *
 * Invariants: the file is made at the first write; reading it makes no file beside it (no WAL); a file of another program, or of a newer
 * format, is refused.
 *
 * @module
 */
import defer * as sqlite from "node:sqlite";
import { dirname } from "@std/path";
import { KedgeError, UsageError } from "../base/errors.ts";
import { isSqliteBusy } from "../base/sqlite.ts";
import { catalogHint } from "./check_catalog_place.ts";

const formatVersion = 1;
const busyMs = 10_000;

const schema = `
CREATE TABLE IF NOT EXISTS entries (
  name TEXT NOT NULL, version TEXT NOT NULL, system TEXT NOT NULL, store_paths TEXT NOT NULL,
  closure TEXT NOT NULL, closure_bytes INTEGER NOT NULL, proofs TEXT NOT NULL,
  created TEXT NOT NULL, updated TEXT NOT NULL, idempotency_key TEXT NOT NULL,
  PRIMARY KEY (name, version, system)
) STRICT;
CREATE TABLE IF NOT EXISTS pointers (
  name TEXT NOT NULL, system TEXT NOT NULL, version TEXT NOT NULL, PRIMARY KEY (name, system)
) STRICT;
CREATE TABLE IF NOT EXISTS history (
  name TEXT NOT NULL, system TEXT NOT NULL, version TEXT NOT NULL, action TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS history_by_name ON history (name, system);
PRAGMA user_version = ${formatVersion};
`;

/** How many columns the entries have in this format. */
const entryColumns = 10;

/** Opens the file when it is needed. */
export class SqliteCatalogFile {
  /** Where it lies. */
  readonly path: string;
  #database: sqlite.DatabaseSync | undefined;

  /** Touches no disk. */
  constructor(path: string) {
    this.path = path;
  }

  /** Whether it is open. */
  get isOpen(): boolean {
    return this.#database !== undefined;
  }

  /** The open file for reading; `undefined` where there is none yet. */
  reading(): sqlite.DatabaseSync | undefined {
    if (this.#database !== undefined) return this.#database;
    try {
      if (Deno.statSync(this.path).size === 0) return undefined;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    return this.#open();
  }

  #open(): sqlite.DatabaseSync {
    if (this.#database !== undefined) return this.#database;
    Deno.mkdirSync(dirname(this.path), { recursive: true });
    const database = new sqlite.DatabaseSync(this.path, { timeout: busyMs });
    try {
      if (formatOf(database) === 0) makeTables(database);
      database.exec("PRAGMA synchronous = FULL;");
      return this.#database = database;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Does work in one transaction that takes the write lock first. */
  transaction<T>(work: (database: sqlite.DatabaseSync) => T): T {
    const database = this.#open();
    database.exec("BEGIN IMMEDIATE");
    try {
      const value = work(database);
      database.exec("COMMIT");
      return value;
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }

  /** Fails as a transaction would, of a file that is there and may not be written; takes the write lock for a moment, and waits for nobody. */
  foreseeWriting(): void {
    const database = this.reading();
    if (database === undefined) return;
    database.exec("PRAGMA busy_timeout = 0");
    try {
      // A statement that would write is refused before it finds that there is nothing to change; an empty transaction is not.
      database.exec("DELETE FROM entries WHERE FALSE");
    } catch (error) {
      if (!isSqliteBusy(error)) throw error;
    } finally {
      database.exec(`PRAGMA busy_timeout = ${busyMs}`);
    }
  }

  /** Closes the file. */
  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }
}

/** The format of the file, 0 for an empty one; read by one statement, so that nobody writes in between. */
function formatOf(database: sqlite.DatabaseSync): number {
  const row = database.prepare(
    `SELECT user_version AS format, (SELECT count(*) FROM sqlite_master) AS tables,
       (SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('entries', 'pointers', 'history')) AS own,
       (SELECT count(*) FROM pragma_table_info('entries')) AS columns
     FROM pragma_user_version`,
  ).get();
  const format = Number(row?.["format"]);
  const isNew = format === 0 && row?.["tables"] === 0;
  const own = Number(row?.["own"]);
  const isOwn = format > formatVersion
    ? own > 0
    : format === formatVersion && own === 3 && row?.["columns"] === entryColumns;
  if (!isNew && !isOwn) {
    throw new UsageError("it is a database of another program", { hint: catalogHint });
  }
  if (format > formatVersion) {
    throw new KedgeError(`it was written by a newer kedge, in the format ${format}`, {
      hint: "update kedge",
    });
  }
  return format;
}

/** Makes the tables, unless another process made them meanwhile. */
function makeTables(database: sqlite.DatabaseSync): void {
  database.exec("BEGIN IMMEDIATE");
  if (formatOf(database) === 0) database.exec(schema);
  database.exec("COMMIT");
}
