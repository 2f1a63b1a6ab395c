import type { Digest } from "../../lib/base/digest.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { BaseImageOptions } from "./options.ts";

export type { BaseImageOptions } from "./options.ts";

/** A base image, pinned, and what it cost to know it. */
export interface BaseImageResult extends Figures {
  /** The image, pinned: `docker://host/repository:tag@sha256:...`. */
  reference: string;
  /** What the tag points to: an index, or the manifest itself. */
  digest: Digest;
  /** The manifest for the platform. */
  manifestDigest: Digest;
  /** The config, by which engines know the image. */
  configDigest: Digest;
  /** The version of Nix in it, as its label says, or, of an image without one, the store paths that its history names. */
  nixVersion: string;
  /** The version that was asked for. */
  wantedVersion: string;
  /** For which machine it is: `linux/amd64`. */
  platform: string;
  /** All bytes of it for the platform. */
  size: number;
  /** Where it was brought, pinned; absent in a dry run of what is not there yet. */
  copy?: string;
  /** Where it would be brought, pinned; only in a dry run of what is not there yet. */
  copyAhead?: string;
}

/**
 * Finds the base image with exactly the Nix of this machine, proves its tag, platform and label in the registry, pins it by digest,
 * and brings it where it is wanted. Official images before Nix 2.30 have no label: of them the one Nix counts that their history names.
 *
 * The first call reads manifests and a config; later calls ask nobody. `refresh` and `maxAge` ask with one HEAD.
 *
 * @throws {UsageError} if an option is out of its range, or Nix is not installed
 * @throws {KedgeError} if the version has no image, or none for the platform; the hint names the nearest
 * @throws {VerificationError} if the image's label, or its history, says another version than its tag, or none
 * @throws {UnreachableError} if the registry stayed unreachable, or may not be asked and the cache knows nothing, or `to` does not have it
 *
 * @example
 * ```ts
 * import { baseImage } from "@kedge/kedge";
 *
 * export async function base(): Promise<string> {
 *   const { reference } = await baseImage({ repository: "mirror.acme.dev/nixos/nix", fallback: "minor" });
 *   return reference; // docker://mirror.acme.dev/nixos/nix:2.31.5@sha256:...
 * }
 * ```
 */
export async function baseImage(
  options: BaseImageOptions = {},
  ctx: TaskContextOptions = {},
): Promise<BaseImageResult> {
  const { runBaseImage } = await import("./operation.ts");
  return await runBaseImage(options, ctx);
}
