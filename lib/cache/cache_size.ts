import { join } from "@std/path";
import { ifThere } from "../base/files.ts";
import { isJournalName } from "./markers.ts";

/** How large a part of the cache is. */
export interface PartSize {
  /** The folder or file at the root of the cache. */
  name: string;
  /** Its bytes. */
  bytes: number;
  /** How many files. */
  files: number;
}

/** How large the cache is. */
export interface CacheSize {
  /** The bytes of all files; one with several names counts once. */
  bytes: number;
  /** How many files, names of the same file counted once. */
  files: number;
  /** The parts, largest first. */
  parts: readonly PartSize[];
}

/**
 * Measures a cache folder; one that is not there is empty. The journal of runs, which lies beside the buckets, is not counted.
 * Symbolic links are not followed.
 */
export async function measureCache(root: string, signal?: AbortSignal): Promise<CacheSize> {
  const seen = new Set<string>();
  const parts: PartSize[] = [];
  for (const entry of await ifThere(Array.fromAsync(Deno.readDir(root))) ?? []) {
    if (isJournalName(entry.name)) continue;
    const part = { name: entry.name, bytes: 0, files: 0 };
    await measure(join(root, entry.name), entry.isDirectory, part, seen, signal);
    parts.push(part);
  }
  parts.sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
  return {
    bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
    files: parts.reduce((sum, part) => sum + part.files, 0),
    parts,
  };
}

async function measure(
  path: string,
  isFolder: boolean,
  part: PartSize,
  seen: Set<string>,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  if (!isFolder) return await measureFile(path, part, seen);
  const entries = await ifThere(Array.fromAsync(Deno.readDir(path))) ?? [];
  const isFile = ({ isDirectory }: Deno.DirEntry) => !isDirectory;
  await Promise.all(
    entries.filter(isFile).map(({ name }) => measureFile(join(path, name), part, seen)),
  );
  for (const { name, isDirectory } of entries) {
    if (isDirectory) await measure(join(path, name), true, part, seen, signal);
  }
}

async function measureFile(path: string, part: PartSize, seen: Set<string>): Promise<void> {
  const info = await ifThere(Deno.lstat(path));
  if (info === undefined) return;
  if ((info.nlink ?? 1) > 1) {
    const id = `${info.dev}:${info.ino}`;
    if (seen.has(id)) return;
    seen.add(id);
  }
  part.files++;
  part.bytes += info.size;
}
