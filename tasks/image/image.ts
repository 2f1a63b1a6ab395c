import type { Digest } from "../../lib/base/digest.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { CopyImagesOptions } from "./copy_options.ts";

/** Options of {@linkcode syncImage}. */
export interface SyncImageOptions extends CopyImagesOptions {
  /** Where the image is: `docker://host/repository[:tag][@digest]` or `oci:folder[:tag]`. */
  from: string;
  /**
   * Where it goes: written the same way, or `podman:name[:tag]` and `docker-daemon:name[:tag]` for an engine on this machine, which fetches the
   * image from this process on `127.0.0.1`; one in a virtual machine or on another host does not reach it.
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
   * Bytes of the image that were there already. Of what a registry has unchanged this is the manifest, and of what it points to only as much
   * as is known without a request more: of an image that stands in another registry, nothing.
   */
  bytesReused: number;
}

/**
 * Brings an image from a registry or a layout to another, or into podman or docker, moving only the blobs that are not there yet. Those
 * that are in the cache, or in a layout that an earlier call read or wrote, are taken from there rather than from a registry.
 *
 * Every byte is hashed while it moves; manifests follow their blobs, and the tag moves last, so that nobody ever sees a part. Of an index,
 * the image for this machine is taken, those of `platforms`, or all of it. What is taken keeps its digest, except that several platforms
 * make a smaller index, and that a list of referrers under a fallback tag goes with what the destination's own list has besides. A manifest
 * of Docker's (version 2, schema 2) therefore stays one in a layout, where skopeo, podman and umoci do not read it: bring it to them by a
 * registry, or by `podman:`. What others brought to a layout stays there; an image without a tag takes the place of the one that was
 * brought there without a tag before.
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
 * @throws {VerificationError} if bytes, sizes or types are not what they must be
 * @throws {NotAllowedError} if a registry refuses, or this user may not read or write a file
 * @throws {UnreachableError} if a registry kept failing
 * @throws {KedgeError} if there is no such image
 */
export async function syncImage(
  options: SyncImageOptions,
  ctx: TaskContextOptions = {},
): Promise<SyncImageResult> {
  const { collectingAfter, runSyncImage } = await import("./ready.ts");
  return await collectingAfter(ctx, (context) => runSyncImage(options, context));
}
