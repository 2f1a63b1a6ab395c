import { dirname, join } from "@std/path";
import { codeOf } from "../base/errors.ts";
import { folderNames, ifThere, isReadOnly } from "../base/files.ts";

/** What was, or would be, removed. */
export interface Removal {
  /** How many files. */
  files: number;
  /** How many folders. */
  folders: number;
  /** How many bytes; a file with several names counts with its last. */
  bytes: number;
}

/** Counts what is removed: the bytes of a file that keeps another name are not free yet. */
export class RemovalCount implements Removal {
  files = 0;
  folders = 0;
  bytes = 0;
  #links = new Map<string, number>();

  /** Counts one file. */
  file(info: Deno.FileInfo): void {
    this.files++;
    const names = info.nlink ?? 1;
    if (names <= 1 || info.ino === null) {
      this.bytes += info.size;
      return;
    }
    const id = `${info.dev}:${info.ino}`;
    const seen = (this.#links.get(id) ?? 0) + 1;
    this.#links.set(id, seen);
    if (seen === names) this.bytes += info.size;
  }

  /** The plain numbers. */
  toRemoval(): Removal {
    return { files: this.files, folders: this.folders, bytes: this.bytes };
  }
}

/** Options of {@linkcode removeCounted}. */
export interface RemoveCountedOptions {
  /** Whether to count only. @default {false} */
  dryRun?: boolean;
  /** Told of what the system does not let this user remove, in its words; all else goes. @default {the first of it is an error} */
  onDenied?: (why: string) => void;
}

/**
 * Removes a file, or a folder with all that is in it, and counts it; a symbolic link is removed, never followed. What is gone
 * already, or goes meanwhile, is fine. Gives `false` where something stays that may not be removed.
 */
export async function removeCounted(
  path: string,
  count: RemovalCount,
  options: RemoveCountedOptions = {},
): Promise<boolean> {
  try {
    return await remove(path, count, options);
  } catch (error) {
    if (options.onDenied === undefined || !isReadOnly(error)) throw error;
    options.onDenied((error as Error).message);
    return false;
  }
}

async function remove(
  path: string,
  count: RemovalCount,
  options: RemoveCountedOptions,
): Promise<boolean> {
  const info = await ifThere(Deno.lstat(path));
  if (info === undefined) return true;
  if (!info.isDirectory) {
    if (!options.dryRun) await removeQuietly(path);
    count.file(info);
    return true;
  }
  if (!options.dryRun && (info.mode ?? 0o700) % 0o1000 < 0o700) {
    await Deno.chmod(path, 0o700).catch(() => undefined);
  }
  let isWhole = true;
  for (const name of await folderNames(path)) {
    isWhole = await removeCounted(join(path, name), count, options) && isWhole;
  }
  if (!isWhole) return false;
  if (!options.dryRun) await removeQuietly(path);
  count.folders++;
  return true;
}

/**
 * Removes a folder that lies under a final name: it is moved away at once, so that nobody ever finds a part of it there.
 *
 * @param aside the path that it gets while it is removed, on the same file system
 */
export async function removeWhole(
  path: string,
  aside: string,
  count: RemovalCount,
  options: RemoveCountedOptions = {},
): Promise<boolean> {
  if (options.dryRun) return await removeCounted(path, count, options);
  try {
    await Deno.mkdir(dirname(aside), { recursive: true });
    await Deno.rename(path, aside);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    if (options.onDenied === undefined || !isReadOnly(error)) throw error;
    options.onDenied((error as Error).message);
    return false;
  }
  return await removeCounted(aside, count, options);
}

async function removeQuietly(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (codeOf(error) === "ENOTEMPTY") {
      await Deno.remove(path, { recursive: true });
      return;
    }
    throw error;
  }
}
