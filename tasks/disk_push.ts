import type { Digest } from "../lib/base/digest.ts";
import type { Chunker, ChunkerKind } from "../lib/chunk/chunker.ts";
import type { Figures } from "../lib/operation/figures.ts";
import type { TaskContextOptions } from "../lib/runner/context.ts";

/** Options of {@linkcode pushDisk}. */
export interface PushDiskOptions {
  /** The file. */
  file: string;
  /** Where it goes: `docker://host/repository[:tag]` or `oci:folder[:tag]`. */
  reference: string;
  /**
   * How the file is cut: in blocks of one length, where the content says so, or as the version before, else as its first bytes suggest.
   *
   * @default {"auto"}
   */
  chunker?: ChunkerKind | "auto";
  /** The length of a block, or the mean length of a chunk, in bytes: a power of two. @default {65_536; more for files of more than 32 GiB} */
  chunkBytes?: number | undefined;
  /** Disks whose packs may be named again, beside what the destination means now. */
  bases?: readonly string[] | undefined;
  /** Whether all chunks go into new packs, so that no waste of older versions stays. @default {false} */
  repack?: boolean;
  /** Whether the file is read even if the file system says that it is as it was. @default {false} */
  paranoid?: boolean;
  /** The level of zstd, 1 to 19. @default {3} */
  level?: number;
  /** Hosts that are spoken to in plain HTTP; loopback hosts always are. */
  insecureRegistries?: readonly string[] | undefined;
  /** How many packs may be under way, 1 to 64. @default {4} */
  concurrency?: number;
}

/** What {@linkcode pushDisk} gives. */
export interface PushDiskResult extends Figures {
  /** The disk, pinned: `REFERENCE@sha256:...`. */
  reference: string;
  /** The digest of its manifest; a dry run knows it only where nothing has to be compressed. */
  digest?: Digest;
  /** The size of the file in bytes. */
  sizeBytes: number;
  /** How it was cut. */
  chunker: Chunker;
}

/**
 * Puts a file into a registry or a layout as one image of chunks, of which only those move that are in no pack yet.
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
 * @throws {UsageError} if an option is malformed, or the file is none
 * @throws {KedgeError} if the file changes while it is read
 * @throws {IncompleteError} if the destination lacks a pack at the end
 * @throws {NotAllowedError} if the registry refuses
 */
export async function pushDisk(
  options: PushDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<PushDiskResult> {
  const { runPushDisk } = await import("./disk_push_operation.ts");
  return await runPushDisk(options, ctx);
}
