import type { PulledDisk } from "../lib/disk/pull_work.ts";
import type { Figures } from "../lib/operation/figures.ts";
import type { TaskContextOptions } from "../lib/runner/context.ts";

/** Options of {@linkcode verifyDisk}. */
export interface VerifyDiskOptions {
  /** The disk: `docker://host/repository[:tag][@digest]` or `oci:folder[:tag]`. */
  reference: string;
  /** The file that is to be it. */
  file: string;
  /** Whether what is wrong is fetched and written in place. @default {false} */
  repair?: boolean;
  /** Hosts that are spoken to in plain HTTP; loopback hosts always are. */
  insecureRegistries?: readonly string[] | undefined;
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
 */
export async function verifyDisk(
  options: VerifyDiskOptions,
  ctx: TaskContextOptions = {},
): Promise<VerifyDiskResult> {
  const { runVerifyDisk } = await import("./disk_verify_operation.ts");
  return await runVerifyDisk(options, ctx);
}
