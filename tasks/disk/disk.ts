import type { Digest } from "../../lib/base/digest.ts";
import type { Chunker, ChunkerKind } from "../../lib/chunk/chunker.ts";
import type { PulledDisk } from "../../lib/disk/pull_work.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { ImageRegistriesOptions } from "../shared/registry_rules.ts";

/** Options of {@linkcode pullDisk}. */
export interface PullDiskOptions extends ImageRegistriesOptions {
  /** The disk: `docker://host/repository[:tag][@digest]` or `oci:folder[:tag]`. */
  reference: string;
  /** The file that is written. */
  file: string;
  /** Files that may contain chunks of it, besides those that the cache knows. */
  bases?: readonly string[] | undefined;
  /**
   * Whether the file itself is written, instead of a new file that takes its name at the end. This needs room only for chunks that moved
   * within the file. Until the pull ends, the file is neither the old version nor the new one; after an interruption, the next pull
   * finishes it.
   *
   * @default {false}
   */
  inPlace?: boolean | undefined;
  /** The most ranges that are fetched at a time, 1 to 64. @default {8} */
  concurrency?: number | undefined;
}

/** What {@linkcode pullDisk} gives. */
export interface PullDiskResult extends Figures, PulledDisk {}

/**
 * Pulls a disk image into a file, and fetches only the chunks that this machine does not have.
 *
 * Chunks are read from the file itself, from the bases, from files that the cache knows, from packs in the cache, and last from the
 * registry. Each is hashed before it is written, wherever it comes from. An interrupted pull resumes, also after `kill -9`.
 *
 * Without `inPlace`, the result is a new file that takes the name at the end; hard links keep the old version. The new file gets the owner, the
 * group and the mode of the old one. If this user may not give it that group, its own group gets no more rights than everybody. ACLs and
 * other extended attributes are lost, but the mask of an ACL stays as the mode of the group.
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
 * @throws {VerificationError} if the index is inconsistent, or chunks do not have the digests that it says
 * @throws {NoRoomError} if the disk has no room for the file
 * @throws {NotAllowedError} if this user may not write there, or may not replace or change the file; before anything moves, if that can be known
 * @throws {KedgeError} if there is no such disk image, another pull writes to the file, a mount point would have to be replaced, or a file
 * that is in use would have to be written in place
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
  /** The destination: `docker://host/repository[:tag]` or `oci:folder[:tag]`. */
  reference: string;
  /**
   * How the file is cut into chunks: `fixed` blocks of one length, or `cdc` (content-defined chunks). `auto` cuts it as the version before (what
   * the tag points to, or a disk under another tag of the repository), unless the first bytes of the file call for the other kind; without one,
   * the first bytes decide.
   *
   * @default {"auto"}
   */
  chunker?: ChunkerKind | "auto" | undefined;
  /** The size of a block, or the average size of a chunk, in bytes: a power of two. @default {65_536; more for files of more than 32 GiB} */
  chunkBytes?: number | undefined;
  /** Disks whose packs may be reused, besides that at the destination; with `repack`, none are. */
  bases?: readonly string[] | undefined;
  /**
   * Whether all chunks are packed anew, so that no waste of older versions stays. Packs that come out the same are not sent again.
   *
   * @default {false}
   */
  repack?: boolean | undefined;
  /**
   * Whether the whole file is read even if the file system says that it did not change, and the registry asked for each reused pack; packs that it
   * has lost are sent again.
   *
   * @default {false}
   */
  paranoid?: boolean | undefined;
  /** The compression level of zstd, 1 to 19. @default {3} */
  level?: number | undefined;
  /** The most packs that are sent at a time, 1 to 64. @default {4} */
  concurrency?: number | undefined;
}

/** What {@linkcode pushDisk} gives. */
export interface PushDiskResult extends Figures {
  /** The disk, pinned: `REFERENCE@sha256:...`. */
  reference: string;
  /** The digest of its manifest; in a dry run only if nothing has to be compressed, or with `repack`, which compresses all. */
  digest?: Digest;
  /** The size of the file in bytes. */
  sizeBytes: number;
  /** How it was cut into chunks. */
  chunker: Chunker;
}

/**
 * Pushes a disk image to a registry or a layout, in chunks: only chunks that are in no pack there yet are sent.
 *
 * The same bytes, cut in the same way and without older packs to reuse, give the same digest. Packs are sent first, then the index, and the tag
 * last. An interrupted push resumes at the pack where it was, also after `kill -9`. A sparse file is read in full, with its holes as zeros.
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
 * @throws {UsageError} if an option is malformed, the registry is blocked, or it is not a regular file
 * @throws {KedgeError} if the file changes while it is read
 * @throws {IncompleteError} if the destination lacks a pack at the end
 * @throws {NotAllowedError} if the registry refuses access
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
  /** The file that should be it. */
  file: string;
  /** Whether wrong chunks are fetched and written in place. @default {false} */
  repair?: boolean | undefined;
}

/** What {@linkcode verifyDisk} gives. */
export interface VerifyDiskResult extends Figures, PulledDisk {}

/**
 * Hashes every byte of a file and compares it with a disk image. With `repair`, fetches the wrong chunks, and only those.
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
 * @throws {VerificationError} if the file differs and `repair` is not set; `data.wrong` says where
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
