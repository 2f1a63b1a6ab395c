import { checkOptions, checkValue } from "../base/check_options.ts";
import type { Meter } from "../base/meter.ts";
import type { KexecArchitecture } from "./architecture.ts";
import type { BundleContents } from "./bundle_contents.ts";

/** Options of {@linkcode checkBundle}. */
export interface CheckBundleOptions {
  /** The name of the bundle in messages, and for its suffix, if the file has another name. @default {that of the path} */
  name?: string | undefined;
  /** The machine that is to boot it. @default {any} */
  architecture?: KexecArchitecture | undefined;
  /** The most bytes that it may unpack to. @default {4 GiB} */
  maxUnpackedBytes?: number | undefined;
  /** Receives notes about what is unusual but not wrong. */
  meter?: Meter | undefined;
  /** Ends the reading. */
  signal?: AbortSignal | undefined;
}

/**
 * Checks that a file is a kexec bundle that nixos-anywhere can boot a machine into, and lists what is in it.
 *
 * A bundle is a tarball in which
 *
 * - `kexec/bzImage` is a Linux kernel, and `kexec/initrd` an initial ramdisk;
 * - `kexec/run` is executable, and `kexec/kexec` is an executable static ELF program for the architecture of the kernel;
 * - no member leads out of the tarball.
 *
 * The suffix of its name must match its compression, since nixos-anywhere relies on the name.
 *
 * @throws {UsageError} if the path or an option is not what it must be
 * @throws {VerificationError} if one of these does not hold; the message says which
 * @throws {KedgeError} if the bundle is compressed by xz and the program `xz` is missing
 *
 * @example
 * ```ts
 * import { cacheKexec, checkBundle } from "@kedge/kedge";
 *
 * export async function kernel(): Promise<string | undefined> {
 *   const { path } = await cacheKexec();
 *   return (await checkBundle(path)).kernelVersion;
 * }
 * ```
 */
export async function checkBundle(
  path: string,
  options: CheckBundleOptions = {},
): Promise<BundleContents> {
  checkValue("path", path, "text");
  checkOptions(options, {}, { name: "text", architecture: "text", maxUnpackedBytes: "number" });
  const { runCheckBundle } = await import("./read_bundle.ts");
  return await runCheckBundle(path, options);
}
