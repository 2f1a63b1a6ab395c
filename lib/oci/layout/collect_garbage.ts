/**
 * Takes out of a layout what no name leads to; what is attached to an image goes with it, though it has a name.
 *
 * Invariants: what is reached is walked before anything is removed, and a damaged manifest ends the collection, since what it leads to
 * cannot be known; blobs that came within the grace stay, for another process may be about to name them, and what one works on stays however
 * old it is; the index is locked meanwhile.
 *
 * @module
 */
import { join } from "@std/path";
import { isTemporaryName, removeIfThere } from "../../base/atomic_file.ts";
import type { Digest } from "../../base/digest.ts";
import { isDigest } from "../../base/digest_text.ts";
import { VerificationError } from "../../base/errors.ts";
import { isLockHeld, lockFile, tryLockFile } from "../../base/file_lock.ts";
import { ifThere } from "../../base/files.ts";
import { removeLeftTemporaries } from "../../base/left_temporaries.ts";
import type { Descriptor } from "../descriptor.ts";
import { foreseeLayout } from "./foresee_layout.ts";
import { type Layout, nameOf } from "./layout.ts";
import { leftAttachments } from "./left_attachments.ts";
import { reachable } from "./reachable.ts";

/** Options of {@linkcode collectGarbage}. */
export interface CollectGarbageOptions {
  /** Names that do not count. */
  without?: readonly string[] | undefined;
  /** How old a blob must be to be removed, in milliseconds. @default {3_600_000} */
  graceMs?: number | undefined;
  /** Whether nothing is removed, only counted. @default {false} */
  dryRun?: boolean | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  now?: (() => number) | undefined;
  /** Ends the collection. */
  signal?: AbortSignal | undefined;
}

/** What was, or would be, removed. */
export interface Garbage {
  /** The digests of the blobs. */
  removed: Digest[];
  /** Their size and that of unfinished work, in bytes. */
  bytesFreed: number;
  /** How many blobs stay. */
  kept: number;
}

/** Removes blobs that no name leads to, with what is attached to images among them, and work that was given up. */
export async function collectGarbage(
  layout: Layout,
  options: CollectGarbageOptions = {},
): Promise<Garbage> {
  const { graceMs = 3_600_000, dryRun = false, without = [], now = Date.now, signal } = options;
  const garbage: Garbage = { removed: [], bytesFreed: 0, kept: 0 };
  if (!await layout.isThere()) return garbage;
  using _lock = dryRun
    ? undefined
    : await lockFile(join(layout.workFolder, "lock"), signal === undefined ? {} : { signal });
  const entries = (await layout.entries()).filter((entry) =>
    !without.includes(nameOf(entry) ?? "")
  );
  for (const entry of entries) checkReadable(layout, entry);
  const oldest = now() - graceMs;
  const ageOf = async (digest: Digest) => {
    const file = await ifThere(Deno.lstat(layout.blobPath(digest)));
    return file === undefined ? "absent" : changedMs(file) > oldest ? "young" : "old";
  };
  const { left, reached } = await leftAttachments(layout, entries, ageOf);
  const collect = async (needed: ReadonlySet<Digest>) => {
    garbage.kept = await collectBlobs(layout, needed, garbage, { oldest, dryRun, signal });
  };
  if (left.size > 0 && dryRun) foreseeLayout(layout, { index: true });
  else if (left.size > 0) {
    // A full disk has room for another index once something is gone; what the standing one leads to, and for whose sake, goes after it.
    const attached = await reachable(layout, left.keys());
    await collect(reached.union(attached).union(new Set(left.values())));
    const isLeft = (entry: Descriptor) =>
      [...left.keys()].some((each) =>
        nameOf(each) === nameOf(entry) && each.digest === entry.digest
      );
    await layout.drop(isLeft, true);
  }
  await collect(reached);
  garbage.removed.sort();
  garbage.bytesFreed += await collectWork(layout, oldest, dryRun);
  return garbage;
}

/** What an entry leads to that is named by another algorithm is not known, so that all might be needed. */
function checkReadable({ folder }: Layout, entry: Descriptor): void {
  const { digest } = entry;
  if (isDigest(digest)) return;
  const name = nameOf(entry);
  const shown = JSON.stringify(String(digest).slice(0, 80));
  throw new VerificationError(
    `Cannot collect the garbage of "${folder}": it names an image by ${shown}, which is not sha256`,
    {
      hint: name === undefined
        ? "collect it with the tool that wrote that"
        : `take that one away (image:rm oci:${folder}:${name}), or collect with the tool that wrote it`,
    },
  );
}

/** Removes what is old and not needed, and tells how many blobs stay. */
async function collectBlobs(
  layout: Layout,
  needed: ReadonlySet<Digest>,
  garbage: Pick<Garbage, "removed" | "bytesFreed">,
  { oldest, dryRun, signal }: Pick<CollectGarbageOptions, "dryRun" | "signal"> & { oldest: number },
): Promise<number> {
  let kept = 0;
  const folder = join(layout.folder, "blobs", "sha256");
  for (const { name } of await ifThere(Array.fromAsync(Deno.readDir(folder))) ?? []) {
    signal?.throwIfAborted();
    if (isTemporaryName(name)) continue;
    const digest = `sha256:${name}`;
    const file = await ifThere(Deno.lstat(join(folder, name)));
    if (file === undefined) continue;
    const young = changedMs(file) > oldest;
    if (!file.isFile || !isDigest(digest) || needed.has(digest) || young) {
      kept++;
      continue;
    }
    if (!dryRun) await removeIfThere(join(folder, name));
    garbage.removed.push(digest);
    garbage.bytesFreed += file.size;
  }
  return kept;
}

/** When a file was written or got its name: one that is linked to the cache may have been written long before it came here. */
function changedMs({ mtime, ctime }: Deno.FileInfo): number {
  return Math.max(mtime?.getTime() ?? 0, ctime?.getTime() ?? 0);
}

async function collectWork(layout: Layout, oldest: number, dryRun: boolean): Promise<number> {
  const collect = async (folder: string) => {
    let bytes = 0;
    for (const { name } of await ifThere(Array.fromAsync(Deno.readDir(folder))) ?? []) {
      const path = join(folder, name);
      const file = await ifThere(Deno.stat(path));
      if (file === undefined || (file.mtime?.getTime() ?? 0) > oldest) continue;
      bytes += file.size;
      if (!dryRun) await removeIfThere(path);
    }
    return bytes;
  };
  const folders = [layout.folder, layout.workFolder, join(layout.folder, "blobs", "sha256")];
  let bytes = await removeLeftTemporaries(folders, { oldestMs: oldest, dryRun });
  const partials = join(layout.workFolder, "partials");
  for (
    const { name, isDirectory } of await ifThere(Array.fromAsync(Deno.readDir(partials))) ?? []
  ) {
    if (!isDirectory) continue;
    // Lock files stay: a third process would lock another one.
    const lock = `${join(partials, name)}.lock`;
    using free = dryRun ? undefined : await tryLockFile(lock);
    if (free !== undefined || dryRun && !isLockHeld(lock)) {
      bytes += await collect(join(partials, name));
    }
  }
  return bytes;
}
