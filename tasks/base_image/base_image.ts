import type { Digest } from "../../lib/base/digest.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { BaseImageOptions } from "./options.ts";

export type { BaseImageOptions } from "./options.ts";

/** A base image, pinned, and what it cost to find it. */
export interface BaseImageResult extends Figures {
  /** The image, pinned: `docker://host/repository:tag@sha256:...`. */
  reference: string;
  /** The digest that the tag points to: of an index, or of the manifest itself. */
  digest: Digest;
  /** The digest of the manifest for the platform. */
  manifestDigest: Digest;
  /** The digest of the config, which engines use as the image's id. */
  configDigest: Digest;
  /** The version of Nix in it, from its label, or without one from the store paths in its history. */
  nixVersion: string;
  /** The version that was asked for. */
  wantedVersion: string;
  /** Its platform: `linux/amd64`. */
  platform: string;
  /** Its size for the platform, in bytes. */
  size: number;
  /** Its copy at `to`, pinned; absent in a dry run if it is not there yet. */
  copy?: string;
  /** What `copy` would be; only in a dry run if it is not there yet. */
  copyAhead?: string;
}

/**
 * Finds the base image with exactly the Nix version of this machine, proves in the registry that it exists for the platform and contains
 * that version, pins it by digest, and with `to` copies it.
 *
 * The version is read from the image's label. Official images before Nix 2.30 have none; for them the Nix in their history counts. The
 * first call reads manifests and a config; later calls make no request, or a single HEAD with `maxAge` or a refresh.
 *
 * @throws {UsageError} if an option is out of its range, or Nix is not installed
 * @throws {KedgeError} if the version has no image, or none for the platform; the hint names the nearest
 * @throws {VerificationError} if the image's label or history has another version than the tag, or none
 * @throws {UnreachableError} if the registry cannot be reached, or may not be asked and the cache does not know the image, or `to` lacks it
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
