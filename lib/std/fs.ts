/** The typed doorway to `@std/fs`. @module */
import * as fs from "deno-std/fs/mod.js";

/** One entry that {@link walk} yields. */
export interface WalkEntry extends Deno.DirEntry {
  /** The entry's path, beginning with the root that was walked. */
  path: string;
}

/** Options of {@link walk}. */
export interface WalkOptions {
  /** How deep to go. @default {Infinity} */
  maxDepth?: number;
  /** Whether files are yielded. @default {true} */
  includeFiles?: boolean;
  /** Whether folders are yielded. @default {true} */
  includeDirs?: boolean;
  /** Whether symlinks are yielded. @default {true} */
  includeSymlinks?: boolean;
  /** Whether symlinks are followed. @default {false} */
  followSymlinks?: boolean;
}

/** Makes a folder and its parents unless they are there. */
export const ensureDir: (dir: string | URL) => Promise<void> = fs.ensureDir;
/** Tells whether a path is there. */
export const exists: (
  path: string | URL,
  options?: { isFile?: boolean; isDirectory?: boolean },
) => Promise<boolean> = fs.exists;
/** Walks a folder. */
export const walk: (root: string | URL, options?: WalkOptions) => AsyncIterableIterator<WalkEntry> =
  fs.walk;
/** Copies a file or a folder with all that is in it. */
export const copy: (
  from: string | URL,
  to: string | URL,
  options?: { overwrite?: boolean; preserveTimestamps?: boolean },
) => Promise<void> = fs.copy;
