/**
 * What there is in an unpacked folder now.
 *
 * Invariants: nothing is followed out of the folder: a link, or anything else than a file or a folder, is listed as what it is, so
 * that the tree has another digest than any that was unpacked.
 *
 * @module
 */
import { join } from "@std/path";
import { type Digest, sha256 } from "../base/digest.ts";
import { isNotThere } from "../base/files.ts";
import { hashFile } from "../base/hash_file.ts";
import { treeDigest, type TreeEntry } from "./tree_digest.ts";

/** A tree as its files' sizes and dates show it, without a look into them. */
export interface SeenTree {
  /** The bytes of its files together. */
  bytes: number;
  /** Another text as soon as a file is added, taken away, or written to. */
  stamp: string;
}

/** Options of {@linkcode hashTree}. */
export interface HashTreeOptions {
  /** Told of each piece read, in bytes. */
  onRead?: (bytes: number) => void;
  /** Ends the reading. */
  signal?: AbortSignal;
}

/** Looks at a tree without reading its files; `undefined` where there is no folder. */
export async function seeTree(root: string): Promise<SeenTree | undefined> {
  const found = await walk(root);
  if (found === undefined) return undefined;
  const lines = found.map(({ path, info }) =>
    JSON.stringify([path, info.isFile, info.isFile ? info.size : 0, mtimeMs(info)])
  );
  const files = found.filter(({ info }) => info.isFile);
  return {
    bytes: files.reduce((sum, { info }) => sum + info.size, 0),
    stamp: sha256(lines.join("\n")),
  };
}

/** Reads a tree and gives its digest, as {@linkcode treeDigest} says; `undefined` where there is no folder. */
export async function hashTree(
  root: string,
  options: HashTreeOptions = {},
): Promise<Digest | undefined> {
  const found = await walk(root);
  if (found === undefined) return undefined;
  const entries: TreeEntry[] = [];
  for (const { path, info } of found) {
    if (info.isDirectory) entries.push({ type: "folder", path });
    else if (info.isFile) {
      entries.push({ type: "file", path, ...await hashFile(join(root, path), options) });
    } else entries.push({ type: "file", path, size: -1, digest: sha256("") });
  }
  return treeDigest(entries);
}

interface Found {
  path: string;
  info: Deno.FileInfo;
}

async function walk(root: string): Promise<Found[] | undefined> {
  const found: Found[] = [];
  const visit = async (folder: string) => {
    for await (const { name } of Deno.readDir(join(root, folder))) {
      const path = folder === "" ? name : `${folder}/${name}`;
      const info = await Deno.lstat(join(root, path));
      found.push({ path, info });
      if (info.isDirectory) await visit(path);
    }
  };
  try {
    if (!(await Deno.lstat(root)).isDirectory) return undefined;
    await visit("");
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
  return found.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** A folder's date tells nothing that the names in it do not. */
function mtimeMs(info: Deno.FileInfo): number {
  return info.isFile ? info.mtime?.getTime() ?? 0 : 0;
}
