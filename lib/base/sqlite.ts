/**
 * What SQLite's errors mean, and patience where it has none of its own.
 *
 * @module
 */
import { dirname } from "@std/path";
import { allIsGranted } from "./all_granted.ts";
import { freeBytes, lacksFiles } from "./disk_space.ts";
import { isDenied } from "./files.ts";

const sqliteBusy = 5;
const sqliteReadOnly = 8;
const sqliteIoError = 10;
const sqliteCorrupt = 11;
const sqliteFull = 13;
const sqliteCannotOpen = 14;
const sqliteNotADatabase = 26;
const sharedMemoryBytes = 64 * 1024;
const pageBytes = 4096;
const busyMs = 10_000;
const mostIoErrors = 3;

/**
 * Whether SQLite says that the disk of a file is full. What it keeps in shared memory beside the file it calls an I/O error then;
 * so that is one where there is no room for that memory. Of a file beside it for which there is no room it says that it cannot open it.
 */
export function isSqliteFull(error: unknown, path: string): boolean {
  const code = primaryCode(error);
  return code === sqliteFull ||
    code === sqliteIoError && (freeBytes(path) ?? Infinity) < sharedMemoryBytes ||
    code === sqliteCannotOpen && lacksFiles(path);
}

/**
 * Whether there is room for what SQLite keeps in shared memory beside a file that has a log. Where a file system gives out less than a page
 * of memory at a time, SQLite is not told that there is none left for the rest of a page, and the process would be ended by SIGBUS when it
 * is used.
 */
export function hasSharedMemoryRoom(path: string): boolean {
  const { blksize } = Deno.statSync(dirname(path));
  if (blksize === null || blksize >= pageBytes) return true;
  return (freeBytes(path) ?? Infinity) >= 4 * sharedMemoryBytes;
}

/**
 * Whether SQLite says that this user may not write to a file, or to the folder around it, or cannot open a file that this user may not
 * read.
 */
export function isSqliteDenied(error: unknown, path: string): boolean {
  const code = primaryCode(error);
  return code === sqliteReadOnly || code === sqliteCannotOpen && !mayRead(path);
}

/** Whether SQLite says that the disk of a file fails. */
export function isSqliteFailing(error: unknown): boolean {
  return primaryCode(error) === sqliteIoError;
}

/** Whether SQLite says that somebody else holds the lock that it needs. */
export function isSqliteBusy(error: unknown): boolean {
  return primaryCode(error) === sqliteBusy;
}

/** Whether SQLite says that a file is not a database at all. */
export function isSqliteForeign(error: unknown): boolean {
  return primaryCode(error) === sqliteNotADatabase;
}

/** Whether SQLite says that a database is damaged. */
export function isSqliteDamaged(error: unknown): boolean {
  return primaryCode(error) === sqliteCorrupt;
}

function mayRead(path: string): boolean {
  try {
    using _file = Deno.openSync(path);
    return true;
  } catch (error) {
    return !isDenied(error);
  }
}

/**
 * Does what another process that opens the file at the same moment forbids: turning to WAL heeds no timeout of SQLite's. An I/O error
 * is given another chance too: where the disk was full for a moment, room may be there again before anybody can look.
 *
 * @param forMs how long at most, in milliseconds, whatever the clock says
 */
export function whileSqliteBusy(run: () => void, forMs = busyMs): void {
  const deadline = performance.now() + forMs;
  let ioErrors = 0;
  for (;;) {
    try {
      return run();
    } catch (error) {
      const code = primaryCode(error);
      const isPassing = code === sqliteBusy || code === sqliteIoError && ++ioErrors <= mostIoErrors;
      if (!isPassing || performance.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1 + Math.random() * 10);
    }
  }
}

/** Bytes in the log beside a database that SQLite has not yet brought into it; 0 where there is no log. */
export function sqliteLogBytes(path: string): number {
  try {
    return Deno.statSync(`${path}-wal`).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/**
 * The name by which a database is opened to be read and no file is made beside it: that of a file that stands still, where its log
 * is empty. Deno takes such a name for a path unless each permission is granted, and none in part; then, and where the log holds
 * something, it is the path.
 */
export function standingName(path: string): string {
  return sqliteLogBytes(path) > 0 ? path : nameWith(path, "immutable=1");
}

/**
 * The name by which a database is opened to be changed that is there: where it is gone, or a link stands there that leads nowhere, none is
 * made. Without each permission granted it is the path, by which one is made.
 */
export function existingName(path: string): string {
  return nameWith(path, "mode=rw");
}

function nameWith(path: string, query: string): string {
  if (!allIsGranted()) return path;
  return `file:${encodeURI(path).replaceAll(/[?#]/g, encodeURIComponent)}?${query}`;
}

/**
 * The low byte of SQLite's error code: what is above it tells only more of the same. Of statements that `exec` runs, and of a file that
 * cannot be opened, only the text of the error is there: SQLite's own for the code, and perhaps the file.
 */
function primaryCode(error: unknown): number {
  const { errcode, message } = error as { errcode?: number; message?: string };
  if (errcode !== undefined) return errcode & 0xff;
  return codeOfText.get(message?.split(":")[0] ?? "") ?? 0;
}

const codeOfText: ReadonlyMap<string, number> = new Map([
  ["database is locked", sqliteBusy],
  ["attempt to write a readonly database", sqliteReadOnly],
  ["disk I/O error", sqliteIoError],
  ["database disk image is malformed", sqliteCorrupt],
  ["database or disk is full", sqliteFull],
  ["unable to open database file", sqliteCannotOpen],
  ["file is not a database", sqliteNotADatabase],
]);
