import type { Digest } from "../base/digest.ts";
import type { KexecArchitecture } from "./architecture.ts";

/** One file of a bundle. */
export interface BundlePart {
  /** Its path in the tarball: `kexec/bzImage`. */
  path: string;
  /** The digest of its contents. */
  digest: Digest;
  /** Its size in bytes. */
  size: number;
  /** Whether it may be run. */
  isExecutable: boolean;
}

/** What is in a kexec bundle. */
export interface BundleContents {
  /** The machine that boots it. */
  architecture: KexecArchitecture;
  /** What `uname -r` will say; absent where the kernel's header does not tell (arm64). */
  kernelVersion?: string;
  /** All its files, by path. */
  parts: readonly BundlePart[];
  /** The bytes of all its files together. */
  unpackedBytes: number;
}
