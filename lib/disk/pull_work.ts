/** What the ways to pull a disk have in common. @module */
import { persistFile } from "../base/atomic_file.ts";
import type { Digest } from "../base/digest.ts";
import { codeOf } from "../base/errors.ts";
import { isDenied } from "../base/files.ts";
import { foreseeFile } from "../base/foresee_names.ts";
import type { Cache } from "../cache/cache.ts";
import type { JobPool } from "../chunk/job_pool.ts";
import type { Manifest } from "../oci/manifest.ts";
import { formatReference } from "../oci/reference.ts";
import type { Plan } from "../operation/figures.ts";
import type { Step } from "../operation/operation.ts";
import { type DiskFile, leaveNothing, leftBeside } from "./disk_file.ts";
import type { DiskSource } from "./disk_store.ts";
import { refuseUsedSince, usedBy } from "./file_users.ts";
import { foreseeBeside, inWordsOfFile, refuseFixed, refuseKept } from "./refuse_fixed.ts";
import { setBackTime } from "./known_files.ts";
import { forOtherGroup, isPulled, refusePulled } from "./out_file.ts";
import type { ProofAhead } from "./proof_ahead.ts";

/** What a pull works with. */
export interface PullRequest {
  /** Where the disk is. */
  readonly store: DiskSource;
  /** Its manifest. */
  readonly manifest: Manifest;
  /** Where it goes. */
  readonly file: DiskFile;
  /** The file as it was named. */
  readonly given: string;
  /** Whether the file itself is written. */
  readonly inPlace: boolean;
  /** The real paths of files that may hold chunks. */
  readonly bases: readonly string[];
  /** How many transfers are under way at a time. */
  readonly concurrency: number;
  /** Knows files and packs. */
  readonly cache: Cache;
  /** Hashes and unpacks. */
  readonly pool: JobPool;
  /** The proof of the file, where it is under way. */
  readonly ahead: ProofAhead | undefined;
  /** Takes what must be held until the pull is over. */
  readonly held: DisposableStack;
}

/** A disk that was pulled. */
export interface PulledDisk {
  /** The file. */
  file: string;
  /** The disk, pinned: `REFERENCE@sha256:...`. */
  reference: string;
  /** The digest of its manifest. */
  digest: Digest;
  /** The size of the file in bytes. */
  sizeBytes: number;
}

/** A planned pull, and how it goes on. */
export interface PullWork extends Plan {
  /** Fails as `move` would where the file may not be written, or has no room; writes nothing. */
  foresee(): Promise<void>;
  /** Brings what is missing. */
  move(step: Step): Promise<void>;
  /** Proves that all of it is there. */
  verify(step: Step): Promise<void>;
  /** Gives the file its name. */
  commit(step: Step): Promise<PulledDisk>;
  /** What comes out. */
  readonly result: PulledDisk;
}

/** What comes out of a pull. */
export function pulledDisk(request: PullRequest, sizeBytes: number): PulledDisk {
  const { digest } = request.manifest;
  return {
    file: request.given,
    reference: formatReference({ ...request.store.reference, digest }),
    digest,
    sizeBytes,
  };
}

/**
 * Fails as writing the file of a pull would where that is not allowed; writes nothing.
 *
 * @param out the file itself, or the one beside it that is written
 * @param of `seen`: that file, where it is there; `stands`: whether it is the disk already; `hasJournal`: whether more is written beside it
 */
export async function foreseeOut(
  file: DiskFile,
  out: string,
  of: { seen: unknown; stands: boolean; hasJournal: boolean },
): Promise<void> {
  if (of.seen !== undefined) {
    if (!of.stands) await inWordsOfFile(out, () => foreseeFile(out));
    refuseKept(out, file.path);
  }
  if (out !== file.path || of.hasJournal) foreseeBeside(file.path);
}

/** Fails where the written file could not get its name in the end; writes nothing. */
export async function foreseeName({ path, info }: DiskFile, out: string): Promise<void> {
  if (out !== path && info !== undefined) await refuseFixed(path);
}

/** Fails where somebody began to use a file meanwhile that was to be written in place. */
export async function refuseNewUser({ file, inPlace }: PullRequest, out: string): Promise<void> {
  if (inPlace && out === file.path) await refuseUsedSince(out);
}

/** Whether it is worth asking, after a pull, if the reference moved meanwhile. */
export function mayMove({ reference }: DiskSource): boolean {
  return reference.transport === "docker" && reference.digest === undefined;
}

/** Says so if the reference means another manifest by now; that this cannot be told takes nothing from what was pulled. */
export async function tellMoved({ store, manifest }: PullRequest, step: Step): Promise<void> {
  if (!mayMove(store)) return;
  let now: Digest | undefined;
  try {
    now = await store.pointer();
  } catch (error) {
    step.signal.throwIfAborted();
    const state = (error as Error).message;
    return step.meter.note(`cannot tell whether ${store.name} moved: ${state}`, "warning");
  }
  if (now === manifest.digest) return;
  step.meter.note(
    `${store.name} moved to ${now ?? "nothing"} meanwhile; ${manifest.digest} was pulled`,
    "warning",
  );
}

/**
 * Makes a file that of the owner and the group of the one that it replaces, as far as this user may.
 *
 * @returns the mode that it may have then
 */
async function giveOwner(
  out: string,
  { uid, gid, mode }: Deno.FileInfo,
  step: Step,
): Promise<{ mode?: number }> {
  if (uid === null || gid === null || mode === null) return {};
  const kept = { mode: mode & 0o7777 };
  const own = await Deno.stat(out);
  if (own.uid === uid && own.gid === gid) return kept;
  try {
    await Deno.chown(out, uid, gid);
    return kept;
  } catch (error) {
    // A container need not know all users that its folders have files of.
    const isUnknown = codeOf(error) === "EINVAL";
    if (!isUnknown && !isDenied(error)) throw error;
    const hasGroup = own.gid === gid || await giveGroup(out, gid);
    const why = isUnknown ? "no such user is known here" : "this user may not give files away";
    const now = `${own.uid}:${hasGroup ? gid : own.gid}`;
    step.meter.note(
      `the file belonged to ${uid}:${gid}, and belongs to ${now} now, since ${why}`,
      "warning",
    );
    return { mode: hasGroup ? mode & 0o777 : forOtherGroup(mode) };
  }
}

/** Makes a file that of a group; `false` where that cannot be. */
async function giveGroup(out: string, gid: number): Promise<boolean> {
  try {
    await Deno.chown(out, null, gid);
    return true;
  } catch {
    return false;
  }
}

/**
 * Gives the written file its name, where it has not got it, and takes away what only the pull needed.
 *
 * @returns the mtime that a file has from here on until somebody writes to it; `undefined` if it had its name before
 */
export async function giveName(
  file: DiskFile,
  out: string,
  step: Step,
): Promise<number | undefined> {
  let mtimeMs: number | undefined;
  if (out !== file.path) {
    mtimeMs = await setBackTime(out);
    const user = await usedBy(file.path);
    if (user !== undefined) {
      step.meter.note(`${file.path}: ${user}; who has it open keeps the old version`, "warning");
    }
    await refusePulled(file);
    const { info } = file;
    const mode = info === undefined ? {} : await giveOwner(out, info, step);
    await persistFile(out, file.path, mode);
  }
  const { partials, journals } = await leftBeside(file);
  const ours = [...file.saved, file.journal, ...journals];
  for (const path of ours) await leaveNothing(path);
  for (const { path } of partials) if (!await isPulled(path)) await leaveNothing(path);
  return mtimeMs;
}
