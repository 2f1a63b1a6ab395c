/**
 * A blob under the file name that a program wants to see: nixos-anywhere tells by the suffix how to unpack a tarball.
 *
 * Invariants: the path of a key and a name is always the same; the file appears whole, as a second name of the blob, or as a copy
 * where the file system has no hard links or the blob lies elsewhere; a copy that was changed since is none.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { persistFile, removeIfThere, temporaryName, writeFileAtomic } from "../base/atomic_file.ts";
import { type Digest, sha256 } from "../base/digest.ts";
import { digestHex, isDigest } from "../base/digest_text.ts";
import { clearWay, linkFile, lookAt, readPlainText } from "../base/files.ts";
import type { CachedBlob } from "./cached_blob.ts";
import { buckets } from "./buckets.ts";

const mostNoteBytes = 200;

/** Where the named file of a key lies in the cache of this root. */
export function namedFilePath(root: string, key: string, name: string): string {
  return join(root, buckets.files.folder, digestHex(sha256(key)).slice(0, 40), name);
}

/** Whether the named file is there and is of this blob, as far as can be told without reading it. */
export async function isNamed(path: string, blob: CachedBlob): Promise<boolean> {
  const [named, kept] = [lookAt(path), lookAt(blob.path)];
  if (named === undefined || kept === undefined) return false;
  if (!named.isFile || named.size !== kept.size) return false;
  if (named.ino === kept.ino && named.dev === kept.dev) return true;
  return await readPlainText(noteOf(path)) === noteFor(blob.digest, named);
}

/** Puts a blob under its name; what was there before is replaced at once. */
export async function nameBlob(
  path: string,
  blob: CachedBlob,
  ensure: (folder: string) => Promise<void>,
): Promise<void> {
  await ensure(dirname(path));
  const temporary = temporaryName(path);
  await clearWay(path);
  try {
    if (await linkFile(blob.path, temporary)) {
      await Deno.rename(temporary, path);
    } else {
      await Deno.copyFile(blob.path, temporary);
      await Deno.chmod(temporary, 0o644);
      const note = noteFor(blob.digest, await Deno.lstat(temporary));
      await persistFile(temporary, path, { mode: 0o444 });
      await clearWay(noteOf(path));
      await writeFileAtomic(noteOf(path), note, { syncFolder: false });
    }
  } finally {
    await removeIfThere(temporary);
  }
}

/** The digest of the blob that a file is a copy of, by its note; `undefined` for another name of the blob, and for a copy that was changed since. */
export async function copiedDigest(
  path: string,
  copy: Deno.FileInfo,
): Promise<Digest | undefined> {
  const note = noteOf(path);
  if ((lookAt(note)?.size ?? Infinity) > mostNoteBytes) return undefined;
  const text = await readPlainText(note) ?? "";
  const [digest = ""] = text.split(" ");
  return isDigest(digest) && text === noteFor(digest, copy) ? digest : undefined;
}

/** Where the note of a copy lies. */
function noteOf(path: string): string {
  return `${path}.digest`;
}

/** What is noted of a copy: of which blob it is, and when it was made; what was changed since has another time. */
function noteFor(digest: Digest, copy: Deno.FileInfo): string {
  return `${digest} ${copy.mtime?.getTime() ?? 0}`;
}
