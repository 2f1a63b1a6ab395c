/** What the ways to pull a disk have in common. @module */
import type { Digest } from "../base/digest.ts";
import { foreseeFile } from "../base/foresee_names.ts";
import type { Cache } from "../cache/cache.ts";
import type { JobPool } from "../chunk/job_pool.ts";
import type { Manifest } from "../oci/manifest.ts";
import { formatReference } from "../oci/reference.ts";
import type { Plan } from "../operation/figures.ts";
import type { Step } from "../operation/operation.ts";
import { type DiskFile, mayOpen } from "./disk_file.ts";
import type { DiskSource } from "./disk_store.ts";
import { refuseUsedSince } from "./file_users.ts";
import type { ProofAhead } from "./proof_ahead.ts";
import type { PulledFile } from "./pulled_file.ts";
import { foreseeBeside, inWordsOfFile, refuseFixed, refuseKept } from "./refuse_fixed.ts";

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
 * @param hasJournal whether a journal is written beside it
 */
export async function foreseeOut(
  { file, out, seen, stands }: PulledFile,
  hasJournal: boolean,
): Promise<void> {
  if (seen !== undefined) {
    if (!stands && !mayOpen(file, out, seen)) await inWordsOfFile(out, () => foreseeFile(out));
    refuseKept(out, file.path);
  }
  if (out !== file.path || hasJournal) foreseeBeside(file.path);
}

/** Fails where the written file could not get its name in the end; writes nothing. */
export async function foreseeName({ file, out }: PulledFile): Promise<void> {
  if (out !== file.path && file.info !== undefined) await refuseFixed(file.path);
}

/** Fails where somebody began to use a file meanwhile that was to be written in place. */
export async function refuseNewUser(
  { inPlace }: PullRequest,
  { file, out }: PulledFile,
): Promise<void> {
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
