import type { PulledDisk } from "../lib/disk/pull_work.ts";
import type { Figures } from "../lib/operation/figures.ts";
import type { TaskContextOptions } from "../lib/runner/context.ts";

/** Options of {@linkcode pullDisk}. */
export interface PullDiskOptions {
  /** The disk: `docker://host/repository[:tag][@digest]` or `oci:folder[:tag]`. */
  reference: string;
  /** The file that becomes the disk. */
  file: string;
  /** Files that may hold chunks of it, beside those that the cache knows. */
  bases?: readonly string[] | undefined;
  /**
   * Whether the file itself is written, instead of one beside it that then takes its name. It needs no room for a second version, and
   * while it lasts the file is neither the old version nor the new one; a pull that was cut off is finished by the next one.
   *
   * @default {false}
   */
  inPlace?: boolean;
  /** Hosts that are spoken to in plain HTTP; loopback hosts always are. */
  insecureRegistries?: readonly string[] | undefined;
  /** How many ranges may be under way, 1 to 64. @default {8} */
  concurrency?: number;
}

/** What {@linkcode pullDisk} gives. */
export interface PullDiskResult extends Figures, PulledDisk {}

/**
 * Makes a file the disk that a reference means, fetching only the chunks that are nowhere on this machine.
 *
 * Chunks are taken from the file as it stands, from the bases, from files that the cache knows, from packs in the cache, and last from the
 * registry; each is hashed before it is written, wherever it comes from. A pull that was cut off, also by kill -9, goes on where it was.
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
 * @throws {UsageError} if an option is malformed, or the file is a folder or a device
 * @throws {VerificationError} if the index lies, or chunks have other digests than it says
 * @throws {NoRoomError} if the file would not fit
 * @throws {KedgeError} if there is no such disk, or the file is in use and is to be written in place
 */
export async function pullDisk(
  options: PullDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<PullDiskResult> {
  const { runPullDisk } = await import("./disk_pull_operation.ts");
  return await runPullDisk(options, ctx);
}
