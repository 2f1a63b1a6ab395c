/**
 * The SQLite file of a journal: opened when it is first needed, read where it cannot be written.
 *
 * @module
 */
import defer * as sqlite from "node:sqlite";
import { dirname } from "@std/path";
import { KedgeError, NoRoomError, NotAllowedError } from "../base/errors.ts";
import { isReadOnly } from "../base/files.ts";
import {
  hasSharedMemoryRoom,
  isSqliteDenied,
  isSqliteFull,
  sqliteLogBytes,
  standingName,
  whileSqliteBusy,
} from "../base/sqlite.ts";

const settings =
  "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;";
const schema = `
CREATE TABLE IF NOT EXISTS runs (
  id TEXT PRIMARY KEY, command TEXT NOT NULL, started INTEGER NOT NULL,
  ended INTEGER, exit_code INTEGER, pid INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS operations (
  id TEXT PRIMARY KEY, run TEXT, kind TEXT NOT NULL, subject TEXT NOT NULL,
  started INTEGER NOT NULL, ended INTEGER, figures TEXT, error TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS steps (
  operation TEXT NOT NULL, at INTEGER NOT NULL, phase TEXT NOT NULL,
  object TEXT NOT NULL, state TEXT NOT NULL, detail TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS facts (
  scope TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX IF NOT EXISTS operations_by_run ON operations (run);
CREATE INDEX IF NOT EXISTS steps_by_operation ON steps (operation);
`;

const columns: ReadonlyMap<string, string> = new Map([
  ["runs", "command,ended,exit_code,id,pid,started"],
  ["operations", "ended,error,figures,id,kind,run,started,subject"],
  ["steps", "at,detail,object,operation,phase,state"],
  ["facts", "at,key,scope,value"],
]);

/** Whoever opens the file reads the log first; one that is longer is brought into the file. */
const mostLogBytesLeft = 256 * 1024;

/** Runs the statements of a journal. */
export class JournalFile {
  /** The database file; its folder is made at the first write. */
  readonly path: string;
  #database: sqlite.DatabaseSync | undefined;
  #standing: sqlite.DatabaseSync | undefined;
  #statements = new Map<string, sqlite.StatementSync>();

  /** Touches no disk. */
  constructor(path: string) {
    this.path = path;
  }

  /** Whether the file is open. */
  get isOpen(): boolean {
    return this.#database !== undefined || this.#standing !== undefined;
  }

  /** Whether what SQLite has not yet brought into the file is short enough to be left to the next one who opens it. */
  hasShortLog(): boolean {
    return sqliteLogBytes(this.path) < mostLogBytesLeft;
  }

  /**
   * Runs a statement that changes something.
   *
   * @throws {NoRoomError} if the disk is full
   * @throws {NotAllowedError} if this user may not write it
   * @throws {KedgeError} if the file is damaged
   */
  write(sql: string, values: (string | number | null)[]): void {
    try {
      this.#statement(sql).run(...values);
    } catch (cause) {
      throw this.failure(cause);
    }
  }

  /**
   * The rows that a statement finds; none where there is no file.
   *
   * @throws {NotAllowedError} if this user may not read it
   * @throws {KedgeError} if the file is damaged
   */
  read(sql: string, values: (string | number)[]): Record<string, unknown>[] {
    if (!this.isOpen && !isThere(this.path)) return [];
    try {
      return this.#openToRead().prepare(sql).all(...values);
    } catch (cause) {
      throw this.failure(cause);
    }
  }

  /** Closes the file, which brings what was written to the disk. */
  close(): void {
    this.#statements.clear();
    this.#database?.close();
    this.#standing?.close();
    this.#database = this.#standing = undefined;
  }

  /** What a failure means for the journal. */
  failure(cause: unknown): KedgeError {
    if (cause instanceof KedgeError) return cause;
    if (isSqliteFull(cause, this.path)) return this.#full(cause);
    const message = `Cannot use the journal "${this.path}": ${(cause as Error).message}`;
    if (isSqliteDenied(cause, this.path) || isReadOnly(cause)) {
      const hint = "run it as the user who owns the cache folder, or name another cache folder";
      return new NotAllowedError(message, { cause, hint });
    }
    return new KedgeError(message, {
      cause,
      hint: "move the file away if it is damaged; it holds the history of runs, nothing else",
    });
  }

  #full(cause?: unknown): NoRoomError {
    return new NoRoomError(`Cannot write the journal "${this.path}": the disk is full`, { cause });
  }

  #open(): sqlite.DatabaseSync {
    if (this.#database !== undefined) return this.#database;
    Deno.mkdirSync(dirname(this.path), { recursive: true });
    if (!hasSharedMemoryRoom(this.path)) throw this.#full();
    makePrivate(this.path);
    const database = new sqlite.DatabaseSync(this.path, { timeout: 10_000 });
    try {
      whileSqliteBusy(() => this.#check(database));
      whileSqliteBusy(() => database.exec(settings));
      whileSqliteBusy(() => database.exec(schema));
    } catch (error) {
      database.close();
      throw error;
    }
    return this.#database = database;
  }

  /** Where the file cannot be written, it can be read as it stands. */
  #openToRead(): sqlite.DatabaseSync {
    if (this.#standing !== undefined) return this.#standing;
    try {
      return this.#open();
    } catch (error) {
      // To read the log takes the same memory.
      const isFinal = !(error instanceof NoRoomError) || sqliteLogBytes(this.path) > 0;
      if (error instanceof KedgeError && isFinal) throw error;
      const standing = opened(standingName(this.path));
      if (standing === undefined) throw error;
      this.#standing = standing;
      this.#check(standing);
      return standing;
    }
  }

  /** Refuses a database that is not a journal before anything in it changes. */
  #check(database: sqlite.DatabaseSync): void {
    const state = foreignState(database);
    if (state === undefined) return;
    throw new KedgeError(`Cannot use the journal "${this.path}": ${state}`, {
      hint: "move the file away, or name another cache folder; the next run makes a journal",
    });
  }

  /** Each text is compiled once: a line of a step costs half of it otherwise. */
  #statement(sql: string): sqlite.StatementSync {
    const database = this.#open();
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** What a database with tables is that is not a journal; a journal may lack tables, where the making of it was killed. */
function foreignState(database: sqlite.DatabaseSync): string | undefined {
  const rows = database.prepare(
    `SELECT t.name AS name, (SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info(t.name) ORDER BY name)) AS columns
     FROM sqlite_master t WHERE t.type = 'table'`,
  ).all();
  const tables = new Map(rows.map((row) => [String(row["name"]), row["columns"]]));
  if (tables.size > 0 && !tables.has("runs")) return "it is a database of another program";
  const other = [...columns].find(([name, own]) => tables.has(name) && tables.get(name) !== own);
  return other && `its table "${other[0]}" has other columns than that of a journal`;
}

/** Opens a journal to be read alone; `undefined` where that cannot be done either. */
function opened(name: string): sqlite.DatabaseSync | undefined {
  try {
    const database = new sqlite.DatabaseSync(name, { readOnly: true });
    database.prepare("SELECT id FROM runs LIMIT 1").all();
    return database;
  } catch {
    return undefined;
  }
}

/** Whether there is anything of the name that this user may look at. */
function isThere(path: string): boolean {
  try {
    return Deno.statSync(path) !== undefined;
  } catch {
    return false;
  }
}

/**
 * Makes the file, where there is none, for this user alone: it tells of hosts and of uploads that are under way. One that is there is not
 * even opened, since to close it would end the locks that SQLite has on it.
 */
function makePrivate(path: string): void {
  try {
    Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}
