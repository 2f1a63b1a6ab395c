/**
 * What SQLite's errors mean, and patience where it has none of its own.
 *
 * @module
 */

const sqliteBusy = 5;
const sqliteFull = 13;
const busyMs = 10_000;

/** Whether SQLite says that the disk is full. */
export function isSqliteFull(error: unknown): boolean {
  return primaryCode(error) === sqliteFull;
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
