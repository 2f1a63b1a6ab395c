/**
 * Files in a folder that a container had as `/nix`: it may have put anything there.
 *
 * Invariants: what is read is a file, found behind no link, and no larger than such a file can be; a pipe or a device is never opened.
 *
 * @module
 */
import { VerificationError } from "../base/errors.ts";
import { ifThere } from "../base/files.ts";

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
 * @throws {VerificationError} if it is anything but a file, or has more than so many bytes
 */
export async function readPlainFile(path: string, mostBytes: number): Promise<string | undefined> {
  const info = await plainFileInfo(path);
  if (info === undefined) return undefined;
  if (info.size <= mostBytes) return await ifThere(Deno.readTextFile(path));
  throw new VerificationError(`Cannot read "${path}": it has ${info.size} bytes`, { hint });
}
