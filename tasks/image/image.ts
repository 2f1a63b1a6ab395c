import type { Digest } from "../../lib/base/digest.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { CopyImagesOptions } from "./copy_options.ts";

/** Options of {@linkcode syncImage}. */
export interface SyncImageOptions extends CopyImagesOptions {
  /** The source: `docker://host/repository[:tag][@digest]` or `oci:folder[:tag]`. */
  from: string;
  /**
   * The destination: the same, or `podman:name[:tag]` and `docker-daemon:name[:tag]` for an engine on this machine. The engine fetches the
   * image from this process on `127.0.0.1`, so one in a virtual machine or on another host cannot reach it.
   */
  to: string;
}

/** What {@linkcode syncImage} gives. */
export interface SyncImageResult extends Figures {
  /** The destination, pinned: `TO@sha256:...`. */
  reference: string;
  /** The digest that the destination points to. */
  digest: Digest;
  /** Its media type. */
  mediaType: string;
  /**
   * Bytes of the image that were at the destination already. If nothing changed, only what is known without a further request is counted: the
   * manifest, and of what it points to nothing if both sides are registries.
   */
  bytesReused: number;
}

/**
 * Copies an image between registries and layouts, or into podman or docker. Only blobs that the destination lacks are moved; those that are
 * in the cache, or in a layout that an earlier call read or wrote, are read from there instead of from a registry.
 *
 * An image that did not change costs one request to each registry, a HEAD or a GET under a condition. What a tag means is always asked; what
 * was read of an index to choose the image is kept in the cache, hashed whenever it is used, and read anew where it is not there.
 *
 * Every byte is hashed while it moves. Blobs go first, then manifests, and the tag last, so that an incomplete image is never visible. Of an
 * index, the image for this machine is copied, those for `platforms`, or all of them. Digests stay the same, with two exceptions: several
 * but not all platforms make a smaller index, and a list of referrers under a fallback tag is merged with that of the destination.
 *
 * A Docker manifest (version 2, schema 2) stays one in a layout, where skopeo, podman and umoci do not read it; copy it to a registry or
 * to `podman:` for them. Other images in a layout stay there; an image without a tag replaces the one that was copied without a tag before.
 *
 * @example
 * ```ts
 * import { syncImage } from "@kedge/kedge";
 *
 * async function image(): Promise<void> {
 *   const { reference } = await syncImage({ from: "docker://ghcr.io/acme/vm:1", to: "oci:images/vm:1" });
 *   if (!reference.startsWith("oci:images/vm:1@sha256:")) throw new Error(reference);
 * }
 * ```
 *
 * @throws {UsageError} if a reference or another option is malformed
 * @throws {VerificationError} if contents do not have the digest, size or media type that they should have
 * @throws {NotAllowedError} if a registry refuses access, or this user may not read or write a file
 * @throws {UnreachableError} if a registry cannot be reached, or keeps failing
 * @throws {KedgeError} if there is no such image
 */
export async function syncImage(
  options: SyncImageOptions,
  ctx: TaskContextOptions = {},
): Promise<SyncImageResult> {
  const { collectingAfter, runSyncImage } = await import("./ready.ts");
  return await collectingAfter(ctx, (context) => runSyncImage(options, context));
}
