import { checkOptions } from "../../lib/base/check_options.ts";
import { UsageError } from "../../lib/base/errors.ts";

/** The machines that nixos-images has installers for. */
export const kexecArchs = ["x86_64-linux", "aarch64-linux"] as const;
/** The machine that boots a bundle. */
export type KexecArch = (typeof kexecArchs)[number];

/** The installers of nixos-images: without a console of their own, or with one. */
export const kexecVariants = ["noninteractive", "interactive"] as const;
/** Which of the installers. */
export type KexecVariant = (typeof kexecVariants)[number];

/** The release that is taken where none is named. */
export const defaultKexecRelease = "nixos-25.11";

/** A bundle by the names of nixos-images. */
export interface KexecRelease {
  /** `nixos-YY.MM` or `nixos-unstable`. @default {"nixos-25.11"} */
  release?: string | undefined;
  /** The machine that will boot it. @default {that of this machine} */
  arch?: KexecArch | undefined;
  /** Which of the installers. @default {"noninteractive"} */
  variant?: KexecVariant | undefined;
}

/**
 * Gives the URL of a kexec bundle of the project nixos-images.
 *
 * @throws {UsageError} if there is no such release, architecture or variant
 *
 * @example
 * ```ts
 * import { kexecUrl } from "@kedge/kedge";
 *
 * kexecUrl({ release: "nixos-25.11", arch: "aarch64-linux" });
 * // https://github.com/nix-community/nixos-images/releases/download/nixos-25.11/...
 * ```
 */
export function kexecUrl(options: KexecRelease = {}): string {
  checkOptions(options, {}, { release: "text" });
  const { release = defaultKexecRelease, arch = ownArch(), variant = "noninteractive" } = options;
  if (!/^nixos-(\d\d\.\d\d|unstable)$/.test(release)) {
    throw new UsageError(
      `Cannot use the release ${JSON.stringify(release)}: there is none of that name`,
      {
        hint: "releases are called nixos-25.11 or nixos-unstable",
      },
    );
  }
  check("architecture", arch, kexecArchs);
  check("variant", variant, kexecVariants);
  const middle = variant === "noninteractive" ? "-noninteractive" : "";
  return `https://github.com/nix-community/nixos-images/releases/download/${release}/` +
    `nixos-kexec-installer${middle}-${arch}.tar.gz`;
}

function check(what: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw new UsageError(
    `Cannot use the ${what} ${JSON.stringify(value)}: there is none of that name`,
    {
      hint: `it is one of ${known.join(", ")}`,
    },
  );
}

function ownArch(): KexecArch {
  return Deno.build.arch === "aarch64" ? "aarch64-linux" : "x86_64-linux";
}
