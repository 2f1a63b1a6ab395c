/**
 * Files in a folder that a container had as `/nix`: it may have put anything there.
 *
 * Invariants: what is read is the file that was found behind no link, though a container that runs may put something else in its place
 * meanwhile; it is no larger than such a file can be; no pipe or device that was found is opened.
 *
 * @module
 */
import { VerificationError } from "../base/errors.ts";
import { ifThere } from "../base/files.ts";

/** Whoever writes such a file anew puts another in its place; only who does nothing else does so each time. */
const mostLooks = 10;

const hint =
  "a program that had the folder as /nix may have put it there; look at it, and remove it";

/**
 * What is known of a file; `undefined` if nothing is there.
 *
 * @throws {VerificationError} if it is anything but a file
 */
export async function plainFileInfo(path: string): Promise<Deno.FileInfo | undefined> {
  const info = await ifThere(Deno.lstat(path));
  if (info === undefined || info.isFile) return info;
  throw new VerificationError(`Cannot read "${path}": it is no plain file`, { hint });
}

/**
 * The text of a file; `undefined` if nothing is there.
 *
 * @throws {VerificationError} if it is anything but a file, has more than so many bytes, or is another each time
 */
export async function readPlainFile(path: string, mostBytes: number): Promise<string | undefined> {
  for (let looks = 0; looks < mostLooks; looks++) {
    const info = await plainFileInfo(path);
    if (info === undefined) return undefined;
    if (info.size > mostBytes) {
      throw new VerificationError(`Cannot read "${path}": it has ${info.size} bytes`, { hint });
    }
    using file = await ifThere(Deno.open(path));
    if (file === undefined) return undefined;
    const { dev, ino } = await file.stat();
    if (dev === info.dev && ino === info.ino) return await textOf(file, info.size);
  }
  throw new VerificationError(`Cannot read "${path}": something else stands there each time`, {
    hint,
  });
}

/** So many bytes of a file as text; what is added to it meanwhile is not read. */
async function textOf(file: Deno.FsFile, size: number): Promise<string> {
  const bytes = new Uint8Array(size);
  let filled = 0;
  while (filled < size) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return new TextDecoder().decode(bytes.subarray(0, filled));
}
