/**
 * The file that a disk is pulled to: what it may be, who uses it, where it is built.
 *
 * Beside a file `vm.img` may stand: `.vm.img.<64 hex>.kedge-partial`, the next version under way, named by the digest that it will have; and,
 * during a pull in place, `.vm.img.kedge-journal` with `.vm.img.kedge-saved`, or `.vm.img.kedge-saved.next`, the chunks that are still needed
 * from places that are overwritten. In such a name that would be longer than a name can be, the digest of the file's name stands for it.
 *
 * @module
 */
import { basename, dirname, isAbsolute, join } from "@std/path";
import { isTemporaryName } from "../base/atomic_file.ts";
import { type Digest, sha256 } from "../base/digest.ts";
import { digestHex } from "../base/digest_text.ts";
import { codeOf, UsageError } from "../base/errors.ts";
import { namesFolder } from "../base/names_folder.ts";
import { canRead, ifThere, isDenied, isNotThere, lookAt } from "../base/files.ts";
import { foreseeNames } from "../base/foresee_names.ts";
import { isGranted } from "../base/is_granted.ts";
import { ownUid } from "../base/own_uid.ts";

const mostLinks = 40;
/** What file systems take, in bytes. */
const longestName = 255;
const digestDigits = 64;
const partialEnd = ".kedge-partial";
const longestPartialEnd = digestDigits + partialEnd.length;
const journalEnd = "kedge-journal";
/** With that of the longest temporary name, by which it is written. */
const longestJournalEnd = `${journalEnd}.tmp-4194304-01234567`.length;

/** The paths around a destination. */
export interface DiskFile {
  /** The file. */
  readonly path: string;
  /** What it is now; `undefined` if it is not there. */
  readonly info: Deno.FileInfo | undefined;
  /** Where the next version is built. */
  partial(digest: Digest): string;
  /** Says that a pull in place is under way. */
  readonly journal: string;
  /** The chunks that such a pull must not lose, in one of two places: while they are copied to the other one, the journal says that they are here. */
  readonly saved: readonly [string, string];
}

/**
 * Looks at a destination.
 *
 * @throws {UsageError} if it is a folder, a device or anything but a file, or its folder is not there
 */
export async function lookAtDiskFile(given: string): Promise<DiskFile> {
  const path = await followLinks(given).catch((error) => {
    if (!(error instanceof Deno.errors.FilesystemLoop)) throw error;
    throw new UsageError(`Cannot write the disk "${given}": its symbolic links form a loop`, {
      hint: "name the file itself",
      cause: error,
    });
  });
  const info = await ifThere(Deno.stat(path));
  if (info !== undefined && !info.isFile) {
    const what = info.isDirectory
      ? "it is a folder"
      : info.isBlockDevice || info.isCharDevice
      ? "it is a device"
      : "it is not a regular file";
    throw new UsageError(`Cannot write the disk "${given}": ${what}`, {
      hint: info.isDirectory
        ? "name a file in it"
        : "pull to a file, and write the device with dd or qemu-img",
    });
  }
  if (namesFolder(given)) {
    throw new UsageError(`Cannot write the disk "${given}": it ends as the path of a folder does`, {
      hint: "name a file",
    });
  }
  const folder = dirname(path);
  if (info === undefined && (await ifThere(Deno.stat(folder)))?.isDirectory !== true) {
    throw new UsageError(`Cannot write the disk "${given}": the folder "${folder}" is not there`);
  }
  const beside = namesBeside(path, longestJournalEnd);
  return {
    path,
    info,
    partial: (digest) => join(folder, `${partialsBeside(path)}${digestHex(digest)}${partialEnd}`),
    journal: join(folder, `${beside}${journalEnd}`),
    saved: [join(folder, `${beside}kedge-saved`), join(folder, `${beside}kedge-saved.next`)],
  };
}

/** How the names begin that belong to a file, and go on for so many bytes at most. */
function namesBeside(path: string, longestEnd: number): string {
  const name = basename(path);
  const size = new TextEncoder().encode(name).length;
  const isTooLong = size > longestName - 2 - longestEnd;
  return `.${isTooLong ? digestHex(sha256(name)) : name}.`;
}

function partialsBeside(path: string): string {
  return namesBeside(path, longestPartialEnd);
}

/**
 * The file at one of the places beside a file, if it counts. Through a link, a pull would write to any other place; and what somebody else made in a
 * folder that is open to all would stay his, also under the final name.
 */
export function ownFile(path: string): Deno.FileInfo | undefined {
  const info = lookAt(path);
  if (info?.isFile !== true) return undefined;
  const folder = lookAt(dirname(path));
  const isOpen = ((folder?.mode ?? 0) & 0o022) !== 0;
  const isOurs = [ownUid() ?? info.uid, folder?.uid].includes(info.uid);
  return isOurs || !isOpen ? info : undefined;
}

/**
 * The unfinished file at such a place, if it counts and is of use: just before it gets its name it has the mode that it will have, which need not let
 * its owner read it; and one of another user who began with it cannot be written, but taken away where that is allowed.
 */
export function unfinishedFile(path: string): Deno.FileInfo | undefined {
  const info = ownFile(path);
  if (info === undefined) return undefined;
  const isOther = info.uid !== null && info.uid !== ownUid();
  if (canRead(path) && (!isOther || canWrite(path))) return info;
  return isOther && !mayRemove(path) ? info : undefined;
}

/** Whether this user may write a file, as far as its permissions tell. */
function canWrite(path: string): boolean {
  if (!isGranted({ name: "write", path })) return true; // Where Deno would ask first, writing it tells.
  try {
    Deno.openSync(path, { write: true }).close();
    return true;
  } catch (error) {
    return codeOf(error) !== "EACCES";
  }
}

/** Whether this user may take a file of another one away, as far as its folder tells. */
function mayRemove(path: string): boolean {
  const folder = dirname(path);
  const info = lookAt(folder);
  if (((info?.mode ?? 0) & 0o1000) !== 0 && info?.uid !== ownUid()) return false;
  try {
    foreseeNames(folder);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether an unfinished file is to be given back to its owner, who is this user: it has the mode already that it will have under its name, which forbids
 * its owner to write it.
 */
export function mayOpen(
  { path }: Pick<DiskFile, "path">,
  out: string,
  { mode, uid }: Deno.FileInfo,
): boolean {
  return out !== path && mode !== null && (mode & 0o600) !== 0o600 && uid === ownUid();
}

/** Whether a pull in place began and did not end, or is under way. */
export function isHalfWritten(file: Pick<DiskFile, "journal" | "saved">): boolean {
  return [file.journal, ...file.saved].some((path) => ownFile(path) !== undefined);
}

/** Takes away from such a place what does not count. */
export async function clearPlace(path: string): Promise<void> {
  if (lookAt(path) === undefined || unfinishedFile(path) !== undefined) return;
  await Deno.remove(path, { recursive: true });
}

/** Leaves nothing at such a place; what somebody else put there, and this user may not remove, does not count. */
export async function leaveNothing(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!isNotThere(error) && !isDenied(error)) throw error;
  }
}

/** What pulls left beside a file that did not end, or that are under way. */
export interface LeftBeside {
  /** Unfinished versions, and the digests of the manifests that they were to have. */
  readonly partials: readonly { path: string; digest: Digest }[];
  /** Journals that were being written. */
  readonly journals: readonly string[];
}

/** Looks for what pulls left beside a file. */
export async function leftBeside(file: Pick<DiskFile, "path" | "journal">): Promise<LeftBeside> {
  const folder = dirname(file.path);
  const prefix = partialsBeside(file.path);
  const journal = `${basename(file.journal)}.`;
  const partials: { path: string; digest: Digest }[] = [];
  const journals: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    const digest = name.startsWith(prefix)
      ? /^([0-9a-f]{64})\.kedge-partial$/.exec(name.slice(prefix.length))?.[1]
      : undefined;
    const isJournal = name.startsWith(journal) && isTemporaryName(name);
    const path = join(folder, name);
    if (digest === undefined && !isJournal || ownFile(path) === undefined) continue;
    if (isJournal) journals.push(path);
    else partials.push({ path, digest: `sha256:${digest}` as Digest });
  }
  return { partials: partials.sort((a, b) => a.digest.localeCompare(b.digest)), journals };
}

/** Where a path leads; a link to what is not there yet leads there. */
async function followLinks(given: string): Promise<string> {
  let path = given;
  for (let links = 0;; links++) {
    const folder = await ifThere(Deno.realPath(dirname(path)));
    const found = await ifThere(Deno.realPath(path));
    if (found !== undefined || folder === undefined) return found ?? path;
    const there = join(folder, basename(path));
    const link = links > mostLinks ? undefined : await linkAt(there);
    if (link === undefined) return there;
    // Not made shorter: a folder on the way up may be a link too.
    path = isAbsolute(link) ? link : `${folder}/${link}`;
  }
}

async function linkAt(path: string): Promise<string | undefined> {
  return (await ifThere(Deno.lstat(path)))?.isSymlink === true
    ? await Deno.readLink(path)
    : undefined;
}
