import type { Meter } from "../base/meter.ts";
import type { KexecArchitecture } from "./architecture.ts";
import type { BundleContents } from "./bundle_contents.ts";

/** Options of {@linkcode checkBundle}. */
export interface CheckBundleOptions {
  /** The name that the file has for others, where it lies under another for the time being. @default {the path's} */
  name?: string | undefined;
  /** The machine that is to boot it. @default {any that the bundle is whole for} */
  architecture?: KexecArchitecture | undefined;
  /** The most bytes that it may unpack to. @default {4 GiB} */
  maxUnpackedBytes?: number | undefined;
  /** Takes notes of what is odd but no error. */
  meter?: Meter | undefined;
  /** Ends the reading. */
  signal?: AbortSignal | undefined;
}

/**
 * Checks that a file is a kexec bundle that nixos-anywhere can boot a machine into, and tells what is in it.
 *
 * It is one if `kexec/bzImage` is a Linux kernel, `kexec/initrd` an initial ramdisk, `kexec/run` executable and `kexec/kexec` an
 * executable static ELF program, kernel and program of one architecture; if the name says the same of the compression as the bytes,
 * since nixos-anywhere goes by the name; and if no member of the tarball leads out of it.
 *
 * @throws {VerificationError} naming what is wrong
 * @throws {KedgeError} if the bundle is packed by xz and the program `xz` is missing
 */
export async function checkBundle(
  path: string,
  options: CheckBundleOptions = {},
): Promise<BundleContents> {
  const { runCheckBundle } = await import("./read_bundle.ts");
  return await runCheckBundle(path, options);
}
