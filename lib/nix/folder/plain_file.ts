/**
 * Files in a folder that a container had as `/nix`: it may have put anything there.
 *
 * Invariants: what is read is the file that was found behind no link, though a container that runs may put something else in its place
 * meanwhile; it is no larger than such a file can be; no pipe or device that was found is opened, and none that took its place is waited for.
 *
 * @module
 */
import defer * as fs from "node:fs";
import { VerificationError } from "../../base/errors.ts";
import { ifThere } from "../../base/files.ts";

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
  throw new VerificationError(`Cannot read "${path}": it is not a plain file`, { hint });
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
    using file = PlainFile.open(path);
    if (file === undefined) return undefined;
    if (file.is(info)) return file.text(info.size);
  }
  throw new VerificationError(`Cannot read "${path}": something else stands there each time`, {
    hint,
  });
}

/** What an open says of a link, and of a socket. */
const others = ["ELOOP", "ENXIO"];

/** What was opened by a path: behind no link, and without waiting for who writes to a pipe. */
class PlainFile implements Disposable {
  readonly #descriptor: number | undefined;

  private constructor(descriptor: number | undefined) {
    this.#descriptor = descriptor;
  }

  /** Opens what is there, if anything. */
  static open(path: string): PlainFile | undefined {
    const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = fs.constants;
    try {
      return new PlainFile(fs.openSync(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
    } catch (cause) {
      const { code, message } = cause as { code?: string; message: string };
      if (code === "ENOENT") return undefined;
      if (others.includes(code ?? "")) return new PlainFile(undefined);
      if (code === "EACCES") throw new Deno.errors.PermissionDenied(message, { cause });
      throw cause;
    }
  }

  /** Whether it is the file that was found: the number of one that is gone may be another's, of any kind. */
  is({ dev, ino }: Deno.FileInfo): boolean {
    if (this.#descriptor === undefined) return false;
    const info = fs.fstatSync(this.#descriptor);
    return info.isFile() && info.dev === dev && info.ino === ino;
  }

  /** So many bytes as text; what is added meanwhile is not read. */
  text(size: number): string {
    const bytes = new Uint8Array(size);
    let filled = 0;
    while (filled < size) {
      const count = fs.readSync(this.#descriptor!, bytes, filled, size - filled, null);
      if (count === 0) break;
      filled += count;
    }
    return new TextDecoder().decode(bytes.subarray(0, filled));
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    if (this.#descriptor !== undefined) fs.closeSync(this.#descriptor);
  }
}
