/**
 * Locks between processes.
 *
 * Invariants: a lock file is never unlinked (a third process would lock another inode); an exclusive lock is
 * taken on a handle of its own, open for writing (NFS asks for it); waiting polls, since a pending lock cannot be
 * cancelled; a file system without locks lets every caller in, so nothing relies on a lock for correctness. What is needed only to
 * wait or to make the folder is loaded then, and what asks does so at once and not from a thread: most locks are free, and what finds its
 * work done takes one too.
 *
 * @module
 */
import { dirname } from "@std/path";
import { codeOf, KedgeError, NotAllowedError, TimedOutError } from "./errors.ts";
import { isNotThere, isReadOnly } from "./files.ts";

/** Options of {@linkcode lockFile}. */
export interface LockFileOptions {
  /** Whether others may hold the lock at the same time. @default {false} */
  shared?: boolean;
  /** How long to wait, in milliseconds. @default {300_000} */
  timeoutMs?: number;
  /** Told once when the lock is not free at once. */
  onWait?: () => void;
  /** Ends the wait. */
  signal?: AbortSignal;
  /** Makes the folder of the lock file where it is not there. @default {it and those above it are made} */
  makeFolder?: (folder: string) => Promise<void>;
}

/** A lock that is held until it is disposed of. */
export class FileLock implements Disposable {
  #file: Deno.FsFile | undefined;
  /** The lock file. */
  readonly path: string;

  /** Takes over an open and locked file. */
  constructor(path: string, file: Deno.FsFile) {
    this.path = path;
    this.#file = file;
  }

  /** Whether the locked file still lies at its path, and nobody put another there; `true` where the system cannot tell. */
  async isInPlace(): Promise<boolean> {
    if (this.#file === undefined) return false;
    const { ino } = await this.#file.stat();
    try {
      const there = await Deno.stat(this.path);
      return ino === null || there.ino === ino;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /** Releases the lock at once: a program that is being started elsewhere in this process has the file open too until it runs. */
  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeLocked(this.#file);
    this.#file = undefined;
  }
}

/** Closes a file and frees its lock, also from those who got the file by a fork. */
export function closeLocked(file: Deno.FsFile): void {
  try {
    file.unlockSync();
  } catch {
    // A file system without locks has none to free.
  }
  file.close();
}

/**
 * Takes the lock if it is free at once; `undefined` if somebody else holds it.
 *
 * @throws {NotAllowedError} if the lock file may not be written
 */
export async function tryLockFile(
  path: string,
  shared = false,
  makeFolder?: LockFileOptions["makeFolder"],
): Promise<FileLock | undefined> {
  const file = await openLockFile(path, makeFolder);
  try {
    if (isLocked(file, shared)) return new FileLock(path, file);
  } catch (error) {
    file.close();
    throw error;
  }
  file.close();
  return undefined;
}

async function openLockFile(
  path: string,
  makeFolder: LockFileOptions["makeFolder"] = ensureDir,
): Promise<Deno.FsFile> {
  try {
    try {
      return openOrMake(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      await makeFolder(dirname(path));
      return openOrMake(path);
    }
  } catch (cause) {
    const code = codeOf(cause);
    if (code === undefined || code === "ENOSPC") throw cause;
    const Failure = isReadOnly(cause) ? NotAllowedError : KedgeError;
    throw new Failure(`Cannot lock "${path}": ${(cause as Error).message}`, {
      cause,
      hint: "this user must be allowed to write there",
    });
  }
}

/** A link that leads nowhere is no place for a new file. */
function openOrMake(path: string): Deno.FsFile {
  for (let isLast = false;; isLast = true) {
    try {
      return Deno.openSync(path, { read: true, write: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    try {
      return Deno.openSync(path, { read: true, write: true, createNew: true });
    } catch (error) {
      // Somebody else made it just now.
      if (isLast || !(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

async function ensureDir(folder: string): Promise<void> {
  const { ensureDir } = await import("@std/fs/ensure-dir");
  await ensureDir(folder);
}

function isLocked(file: Deno.FsFile, shared: boolean): boolean {
  try {
    return file.tryLockSync(!shared);
  } catch (error) {
    const code = codeOf(error);
    if (error instanceof Deno.errors.NotSupported || code === "ENOTSUP" || code === "ENOSYS") {
      return true;
    }
    throw error;
  }
}

/** Whether somebody holds a lock, exclusively or shared; makes no file, and waits for nobody where a pipe stands there. */
export function isLockHeld(path: string): boolean {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { read: true, write: true });
  } catch (error) {
    if (isNotThere(error)) return false;
    throw error;
  }
  try {
    return !isLocked(file, false);
  } finally {
    closeLocked(file);
  }
}

/**
 * Takes a lock, waiting for it if it must. The file is made where it is not there.
 *
 * @throws {TimedOutError} if the lock stayed taken for the whole of `timeoutMs`
 * @throws {NotAllowedError} if the lock file may not be written
 */
export async function lockFile(path: string, options: LockFileOptions = {}): Promise<FileLock> {
  const { shared = false, timeoutMs = 300_000, onWait, signal, makeFolder } = options;
  const deadline = performance.now() + timeoutMs;
  let waitMs = 5;
  for (let attempt = 0;; attempt++) {
    signal?.throwIfAborted();
    const lock = await tryLockFile(path, shared, makeFolder);
    if (lock !== undefined) return lock;
    if (attempt === 0) onWait?.();
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) {
      throw new TimedOutError(
        `Cannot lock "${path}": another process held it for ${Math.round(timeoutMs)} ms`,
        {
          hint: "wait for the other process, or raise KEDGE_LOCK_TIMEOUT (seconds)",
          data: { path, timeoutMs },
        },
      );
    }
    const { delay } = await import("@std/async");
    await delay(Math.min(leftMs, waitMs * (0.5 + Math.random())), signal ? { signal } : {});
    waitMs = Math.min(waitMs * 1.5, 250);
  }
}
