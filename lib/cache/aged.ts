/** What lies in a cache, with its age. @module */
import { basename, join } from "@std/path";
import type { Digest } from "../base/digest.ts";
import { folderNames, ifThere } from "../base/files.ts";
import { seeTree } from "./read_tree.ts";

/** A file or a folder with its age. */
export interface Aged {
  /** Its name. */
  name: string;
  /** Its path. */
  path: string;
  /** When it changed last, in milliseconds since 1970. */
  changedMs: number;
}

/** A blob or an archive with its age. */
export interface SurveyedContents extends Aged {
  /** Which of the two it is. */
  kind: "blob" | "archive";
  /** Its digest. */
  digest: Digest;
  /** Its size in bytes. */
  size: number;
  /** By what another name of it can be told. */
  inode: string;
}

/** What a digest names, if it is there and is a blob or an archive. */
export async function contentsAt(
  kind: SurveyedContents["kind"],
  digest: Digest,
  path: string,
): Promise<SurveyedContents | undefined> {
  const info = await ifThere(Deno.lstat(path));
  if (info === undefined || (kind === "blob" ? !info.isFile : !info.isDirectory)) return undefined;
  const size = kind === "blob" ? info.size : (await seeTree(path))?.bytes ?? 0;
  const [changed, inode] = [changedMs(info), inodeOf(info)];
  return { kind, digest, name: digest, path, changedMs: changed, size, inode };
}

/** What lies in a folder. */
export async function listAged(folder: string): Promise<Aged[]> {
  const names = await folderNames(folder);
  return (await Promise.all(names.map((name) => aged(join(folder, name))))).flat();
}

/** What lies at a path: itself, or nothing. */
export async function aged(path: string): Promise<Aged[]> {
  const info = await ifThere(Deno.lstat(path));
  return info === undefined ? [] : [{ name: basename(path), path, changedMs: changedMs(info) }];
}

/** By what another name of a file can be told. */
export function inodeOf({ dev, ino }: Deno.FileInfo): string {
  return `${dev}:${ino}`;
}

function changedMs(info: Deno.FileInfo): number {
  return (info.ctime ?? info.mtime)?.getTime() ?? 0;
}
