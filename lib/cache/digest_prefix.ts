/**
 * Digests that are not written out.
 *
 * @module
 */
import { join } from "@std/path";
import type { Digest } from "../base/digest.ts";
import { isDigest } from "../base/digest_text.ts";
import { folderNames } from "../base/files.ts";
import { buckets } from "./buckets.ts";

/** The fewest hexadecimal digits that a shortened digest may have. */
export const fewestDigits = 6;

/** The beginning of a digest that a text may mean, with its algorithm; `undefined` where it can mean none. */
export function digestPrefix(text: string): string | undefined {
  const hex = /^(?:sha256:)?([0-9a-f]+)$/i.exec(text)?.[1];
  if (hex === undefined || hex.length < fewestDigits || hex.length > 64) return undefined;
  return `sha256:${hex.toLowerCase()}`;
}

/** The blobs and archives that are there, whose digests begin with it; no other folder than theirs is read. */
export async function contentsBeginning(
  { dir, lower }: { dir: string; lower?: string },
  prefix: string,
): Promise<Digest[]> {
  const shard = prefix.slice("sha256:".length).slice(0, 2);
  const folders = [dir, lower].filter((root) => root !== undefined).flatMap((root) =>
    [buckets.blobs, buckets.archives].map(({ folder }) => join(root, folder, "sha256", shard))
  );
  const names = (await Promise.all(folders.map((folder) => folderNames(folder)))).flat();
  return names.map((name) => `sha256:${name}`).filter(isDigest)
    .filter((digest) => digest.startsWith(prefix));
}
