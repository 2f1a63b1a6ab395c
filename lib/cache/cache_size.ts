import { join } from "@std/path";
import { ifAllowed, ifThere } from "../base/files.ts";
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
  /** The bytes of all files; a file with several hard links counts once. */
  bytes: number;
  /** How many files; hard links of one file count once. */
  files: number;
  /** The parts, largest first. */
  parts: readonly PartSize[];
}

/**
 * Measures a cache folder; one that is not there is empty. The journal of runs, which lies beside the buckets, is not counted.
 * Symbolic links are not followed.
 *
 * @param onDenied told of what this user may not look at, in the words of the system
 */
export async function measureCache(
  root: string,
  onDenied: (why: string) => void,
  signal?: AbortSignal,
): Promise<CacheSize> {
  const measuring = { seen: new Set<string>(), onDenied, signal };
  const parts: PartSize[] = [];
  for (const entry of await ifThere(Array.fromAsync(Deno.readDir(root))) ?? []) {
    if (isJournalName(entry.name)) continue;
    const part = { name: entry.name, bytes: 0, files: 0 };
    await measure(join(root, entry.name), entry.isDirectory, part, measuring);
    parts.push(part);
  }
  parts.sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
  return {
    bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
    files: parts.reduce((sum, part) => sum + part.files, 0),
    parts,
  };
}

interface Measuring {
  seen: Set<string>;
  onDenied: (why: string) => void;
  signal: AbortSignal | undefined;
}

async function measure(
  path: string,
  isFolder: boolean,
  part: PartSize,
  measuring: Measuring,
): Promise<void> {
  const { seen, onDenied, signal } = measuring;
  signal?.throwIfAborted();
  if (!isFolder) return await measureFile(path, part, seen);
  const reading = ifThere(Array.fromAsync(Deno.readDir(path)));
  const entries = await ifAllowed(reading, onDenied) ?? [];
  const isFile = ({ isDirectory }: Deno.DirEntry) => !isDirectory;
  await Promise.all(
    entries.filter(isFile).map(({ name }) =>
      ifAllowed(measureFile(join(path, name), part, seen), onDenied)
    ),
  );
  for (const { name, isDirectory } of entries) {
    if (isDirectory) await measure(join(path, name), true, part, measuring);
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
