/**
 * Writes the members of a tarball, or of anything like it, into a folder.
 *
 * Invariants: nothing is written outside of the folder, whatever the members are called and in whatever order they come: names
 * are checked one by one, links are refused, every folder on the way is one that was made here, and a file is only ever
 * created, never opened; files are read-only and not executable; all of it is synced when this returns.
 *
 * @module
 */
import { join } from "@std/path";
import { syncFolder } from "../base/atomic_file.ts";
import { type Digest, Hasher } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import type { TreeEntry } from "./tree_digest.ts";

/** One member of what is unpacked. */
export interface ArchiveMember {
  /** Its path from the root, with `/` between its names. */
  path: string;
  /** What it is; links are refused. */
  type: "file" | "directory" | "link" | "symlink";
  /** Its contents; read to the end before the next member is asked for. */
  body: AsyncIterable<Uint8Array>;
}

/** Options of {@linkcode writeTree}. */
export interface WriteTreeOptions {
  /** Told of each piece written, in bytes. */
  onBytes?: (bytes: number) => void;
  /** Ends the writing. */
  signal?: AbortSignal;
}

/**
 * Writes members into an empty folder that is there, and gives what there is in it then.
 *
 * @throws {VerificationError} if a member is unsafe, comes twice, or is a link
 */
export async function writeTree(
  root: string,
  members: AsyncIterable<ArchiveMember>,
  options: WriteTreeOptions = {},
): Promise<TreeEntry[]> {
  const entries = new Map<string, TreeEntry>();
  for await (const member of members) {
    options.signal?.throwIfAborted();
    const names = namesOf(member);
    const path = names.join("/");
    const folders = member.type === "directory" ? names.length : names.length - 1;
    for (let depth = 1; depth <= folders; depth++) {
      await makeFolder(root, names.slice(0, depth).join("/"), entries);
    }
    if (member.type === "directory") continue;
    if (entries.has(path)) throw refused(member, "comes twice");
    const { digest, size } = await writeFile(join(root, ...names), member, options);
    entries.set(path, { type: "file", path, size, digest });
  }
  const folders = [...entries.values()].filter(({ type }) => type === "folder");
  for (const { path } of folders.toSorted((a, b) => b.path.length - a.path.length)) {
    await syncFolder(join(root, path));
  }
  await syncFolder(root);
  return [...entries.values()];
}

async function makeFolder(
  root: string,
  path: string,
  entries: Map<string, TreeEntry>,
): Promise<void> {
  const before = entries.get(path);
  if (before?.type === "folder") return;
  if (before !== undefined) throw refused({ path }, "is a file and a folder");
  await created(path, () => Deno.mkdir(join(root, path)));
  entries.set(path, { type: "folder", path });
}

async function writeFile(
  path: string,
  member: ArchiveMember,
  options: WriteTreeOptions,
): Promise<{ digest: Digest; size: number }> {
  const hasher = new Hasher();
  using file = await created(member.path, () => Deno.open(path, { write: true, createNew: true }));
  for await (const piece of member.body) {
    options.signal?.throwIfAborted();
    hasher.update(piece);
    for (let at = 0; at < piece.byteLength;) at += await file.write(piece.subarray(at));
    options.onBytes?.(piece.byteLength);
  }
  await file.syncData();
  if (Deno.build.os !== "windows") await Deno.chmod(path, 0o444);
  return { digest: hasher.digest(), size: hasher.size };
}

/** What is there already was written under another spelling of the name, on a disk that takes both for one. */
async function created<T>(path: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) throw refused({ path }, "comes twice");
    throw error;
  }
}

function namesOf(member: ArchiveMember): string[] {
  if (member.type === "link" || member.type === "symlink") {
    throw refused(member, "is a link, and an archive holds files and folders alone");
  }
  const names = member.path.split("/");
  const isUnsafe = (name: string) =>
    name === "" || name === "." || name === ".." || /[\0\\]/.test(name) ||
    Deno.build.os === "windows" && /[:*?"<>|]|[. ]$/.test(name);
  if (names.some(isUnsafe)) throw refused(member, "leads out of it");
  return names;
}

function refused({ path }: { path: string }, state: string): VerificationError {
  const shown = JSON.stringify(path.slice(0, 200));
  return new VerificationError(`Cannot unpack the archive: its member ${shown} ${state}`);
}
