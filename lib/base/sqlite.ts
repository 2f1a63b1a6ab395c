/**
 * What SQLite's errors mean, and patience where it has none of its own.
 *
 * @module
 */
import { freeBytes } from "./disk_space.ts";

const sqliteBusy = 5;
const sqliteIoError = 10;
const sqliteFull = 13;
const sharedMemoryBytes = 64 * 1024;
const busyMs = 10_000;

/**
 * Whether SQLite says that the disk of a file is full. What it keeps in shared memory beside the file it calls an I/O error then;
 * so that is one where there is no room for that memory.
 */
export function isSqliteFull(error: unknown, path: string): boolean {
  const code = primaryCode(error);
  return code === sqliteFull ||
    code === sqliteIoError && (freeBytes(path) ?? Infinity) < sharedMemoryBytes;
}

/** Does what another process that opens the file at the same moment forbids: turning to WAL heeds no timeout of SQLite's. */
export function whileSqliteBusy(run: () => void): void {
  const deadline = Date.now() + busyMs;
  for (;;) {
    try {
      return run();
    } catch (error) {
      if (primaryCode(error) !== sqliteBusy || Date.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1 + Math.random() * 10);
    }
  }
}

/** The low byte of SQLite's error code: what is above it tells only more of the same. */
function primaryCode(error: unknown): number {
  return ((error as { errcode?: number }).errcode ?? 0) & 0xff;
}
