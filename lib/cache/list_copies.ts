import { join } from "@std/path";
import type { Digest } from "../base/digest.ts";
import { folderNames, ifAllowed, lookAt } from "../base/files.ts";
import { buckets } from "./buckets.ts";
import { copiedDigest } from "./named_file.ts";

/** A copy of a blob under its file name. */
export interface CopiedBlob {
  /** The digest that it has if nobody changed it. */
  digest: Digest;
  /** Its size in bytes. */
  size: number;
  /** Where it lies. */
  path: string;
}

/**
 * All copies of blobs in a cache that are taken for what they were when they were made.
 *
 * @param onDenied told of what this user may not look at, in the words of the system
 */
export async function* listCopies(
  root: string,
  onDenied: (why: string) => void,
): AsyncGenerator<CopiedBlob> {
  const files = join(root, buckets.files.folder);
  for (const key of await ifAllowed(folderNames(files, { foldersOnly: true }), onDenied) ?? []) {
    const folder = join(files, key);
    for (const name of await ifAllowed(folderNames(folder), onDenied) ?? []) {
      const copy = await ifAllowed(copyAt(join(folder, name)), onDenied);
      if (copy !== undefined) yield copy;
    }
  }
}

async function copyAt(path: string): Promise<CopiedBlob | undefined> {
  const info = lookAt(path);
  const digest = info?.isFile ? await copiedDigest(path, info) : undefined;
  return digest === undefined ? undefined : { digest, size: info!.size, path };
}
