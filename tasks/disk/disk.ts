import type { Digest } from "../../lib/base/digest.ts";
import type { Chunker, ChunkerKind } from "../../lib/chunk/chunker.ts";
import type { PulledDisk } from "../../lib/disk/pull_work.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { ImageRegistriesOptions } from "../shared/registries.ts";

/** Options of {@linkcode pullDisk}. */
export interface PullDiskOptions extends ImageRegistriesOptions {
  /** The disk: `docker://host/repository[:tag][@digest]` or `oci:folder[:tag]`. */
  reference: string;
  /** The file that becomes the disk. */
  file: string;
  /** Files that may hold chunks of it, beside those that the cache knows. */
  bases?: readonly string[] | undefined;
  /**
   * Whether the file itself is written, instead of one beside it that then takes its name. It needs room only for what lies elsewhere in it
   * than before, and while it lasts the file is neither the old version nor the new one; a pull that was cut off is finished by the next one.
   *
   * @default {false}
   */
  inPlace?: boolean | undefined;
  /** How many ranges may be under way, 1 to 64. @default {8} */
  concurrency?: number | undefined;
}

/** What {@linkcode pullDisk} gives. */
export interface PullDiskResult extends Figures, PulledDisk {}

/**
 * Makes a file the disk that a reference means, fetching only the chunks that are nowhere on this machine.
 *
 * Chunks are taken from the file as it stands, from the bases, from files that the cache knows, from packs in the cache, and last from the
 * registry; each is hashed before it is written, wherever it comes from. A pull that was cut off, also by kill -9, goes on where it was.
 *
 * Without `inPlace` the disk is a new file that takes the name, and hard links keep the old version. It has the owner, the group and the mode of the one
 * before; where this user may not leave it to that group, its own may do no more than everybody. ACLs and other extended attributes are lost: what the
 * mask of an ACL allowed, which is shown as the mode of the group, the group may do then.
 *
 * @example
 * ```ts
 * import { pullDisk } from "@kedge/kedge";
 *
 * async function disk(): Promise<void> {
 *   const { bytesMoved, why } = await pullDisk({ reference: "docker://ghcr.io/acme/disk:1", file: "vm.img" });
 *   console.log(bytesMoved, why);
 * }
 * ```
 *
 * @throws {UsageError} if an option is malformed, the registry is blocked, or the file is a folder or a device
 * @throws {VerificationError} if the index lies, or chunks have other digests than it says
 * @throws {NoRoomError} if the file would not fit
 * @throws {NotAllowedError} if this user may not write there, or the file may not be replaced or changed; before anything moves, where that can be known
 * @throws {KedgeError} if there is no such disk, another pull writes to the file, the file is a mount point and is to be replaced, or it is in use and
 * is to be written in place
 * @throws {TimedOutError} if another pull with the same cache writes to the file for longer than the lock's timeout
 */
export async function pullDisk(
  options: PullDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<PullDiskResult> {
  const { collectingAfter, runPullDisk } = await import("./pull_operation.ts");
  return await collectingAfter(ctx, (context) => runPullDisk(options, context));
}

/** Options of {@linkcode pushDisk}. */
export interface PushDiskOptions extends ImageRegistriesOptions {
  /** The file. */
  file: string;
  /** Where it goes: `docker://host/repository[:tag]` or `oci:folder[:tag]`. */
  reference: string;
  /**
   * How the file is cut: in blocks of one length, where the content says so, or as the version before, else as its first bytes suggest. The
   * version before is what the tag means, or a disk under another tag, unless the first bytes say that the file is cut otherwise.
   *
   * @default {"auto"}
   */
  chunker?: ChunkerKind | "auto" | undefined;
  /** The length of a block, or the mean length of a chunk, in bytes: a power of two. @default {65_536; more for files of more than 32 GiB} */
  chunkBytes?: number | undefined;
  /** Disks whose packs may be named again, beside what the destination means now; with `repack`, none may. */
  bases?: readonly string[] | undefined;
  /**
   * Whether all chunks are packed afresh, so that no waste of older versions stays; packs that come out as they are there are not sent again.
   *
   * @default {false}
   */
  repack?: boolean | undefined;
  /**
   * Whether the file is read even if the file system says that it is as it was, and the registry asked for each pack that is named again: what it
   * has lost is sent again.
   *
   * @default {false}
   */
  paranoid?: boolean | undefined;
  /** The level of zstd, 1 to 19. @default {3} */
  level?: number | undefined;
  /** How many packs may be under way, 1 to 64. @default {4} */
  concurrency?: number | undefined;
}

/** What {@linkcode pushDisk} gives. */
export interface PushDiskResult extends Figures {
  /** The disk, pinned: `REFERENCE@sha256:...`. */
  reference: string;
  /** The digest of its manifest; a dry run knows it only where nothing has to be compressed, or where it compresses all: with `repack`. */
  digest?: Digest;
  /** The size of the file in bytes. */
  sizeBytes: number;
  /** How it was cut. */
  chunker: Chunker;
}

/**
 * Puts a file into a registry or a layout as one image of chunks, of which only those move that are in no pack yet. A sparse file is read in full: its
 * holes are found as zeros.
 *
 * The same bytes, cut alike and without older packs to name, give the same digest. Packs go first, then the index, and the tag last; a push that
 * was cut off, also by kill -9, goes on at the pack where it was.
 *
 * @example
 * ```ts
 * import { pushDisk } from "@kedge/kedge";
 *
 * async function disk(): Promise<void> {
 *   const { reference, bytesMoved } = await pushDisk({ file: "vm.img", reference: "docker://ghcr.io/acme/disk:2" });
 *   console.log(reference, bytesMoved);
 * }
 * ```
 *
 * @throws {UsageError} if an option is malformed, the registry is blocked, or the file is none
 * @throws {KedgeError} if the file changes while it is read
 * @throws {IncompleteError} if the destination lacks a pack at the end
 * @throws {NotAllowedError} if the registry refuses
 * @throws {TimedOutError} if another push with the same cache goes to the reference for longer than the lock's timeout
 */
export async function pushDisk(
  options: PushDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<PushDiskResult> {
  const { collectingAfter, runPushDisk } = await import("./push_operation.ts");
  return await collectingAfter(ctx, (context) => runPushDisk(options, context));
}

/** Options of {@linkcode verifyDisk}. */
export interface VerifyDiskOptions extends ImageRegistriesOptions {
  /** The disk: `docker://host/repository[:tag][@digest]` or `oci:folder[:tag]`. */
  reference: string;
  /** The file that is to be it. */
  file: string;
  /** Whether what is wrong is fetched and written in place. @default {false} */
  repair?: boolean | undefined;
}

/** What {@linkcode verifyDisk} gives. */
export interface VerifyDiskResult extends Figures, PulledDisk {}

/**
 * Hashes every byte of a file against the disk that a reference means. With `repair`, fetches what is wrong, and that alone.
 *
 * @example
 * ```ts
 * import { verifyDisk } from "@kedge/kedge";
 *
 * async function check(): Promise<void> {
 *   await verifyDisk({ reference: "docker://ghcr.io/acme/disk:1", file: "vm.img", repair: true });
 * }
 * ```
 *
 * @throws {VerificationError} if the file is not the disk and is not to be repaired; `data.wrong` says where
 * @throws {UsageError} if there is no such file
 * @throws {KedgeError} if the file changes while it is read
 */
export async function verifyDisk(
  options: VerifyDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<VerifyDiskResult> {
  const { runVerifyDisk } = await import("./verify_operation.ts");
  return await runVerifyDisk(options, ctx);
}
