import { dirname, join } from "@std/path";
import { folderNames, ifThere } from "../base/files.ts";

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

/**
 * Removes a file, or a folder with all that is in it, and counts it; a symbolic link is removed, never followed. What is gone
 * already, or goes meanwhile, is fine.
 */
export async function removeCounted(
  path: string,
  count: RemovalCount,
  options: { dryRun?: boolean } = {},
): Promise<void> {
  const info = await ifThere(Deno.lstat(path));
  if (info === undefined) return;
  if (!info.isDirectory) {
    if (!options.dryRun) await removeQuietly(path);
    count.file(info);
    return;
  }
  if (!options.dryRun && (info.mode ?? 0o700) % 0o1000 < 0o700) {
    await Deno.chmod(path, 0o700).catch(() => undefined);
  }
  for (const name of await folderNames(path)) {
    await removeCounted(join(path, name), count, options);
  }
  if (!options.dryRun) await removeQuietly(path);
  count.folders++;
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
  options: { dryRun?: boolean } = {},
): Promise<void> {
  if (options.dryRun) return await removeCounted(path, count, options);
  try {
    await Deno.mkdir(dirname(aside), { recursive: true });
    await Deno.rename(path, aside);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  await removeCounted(aside, count);
}

async function removeQuietly(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if ((error as { code?: string }).code === "ENOTEMPTY") {
      await Deno.remove(path, { recursive: true });
      return;
    }
    throw error;
  }
}
