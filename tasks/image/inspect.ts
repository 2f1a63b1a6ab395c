import type { Digest } from "../../lib/base/digest.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import type { ImageRegistriesOptions } from "../shared/registry_rules.ts";

/** How registries are reached. */
export type ReadImageOptions = ImageRegistriesOptions;

/** Options of {@linkcode inspectImage}. */
export interface InspectImageOptions extends ReadImageOptions {
  /** The image. */
  image: string;
}

/** Options of {@linkcode diffImages}. */
export interface DiffImagesOptions extends ReadImageOptions {
  /** The first image. */
  a: string;
  /** The second image. */
  b: string;
}

/** Options of {@linkcode listImages}. */
export interface ListImagesOptions extends ReadImageOptions {
  /** `docker://host/repository` or `oci:folder`. */
  place: string;
}

/** What {@linkcode listImages} gives. */
export interface ListImagesResult {
  /** The tags. */
  tags: string[];
}

/** A blob or a manifest. */
export interface ImageObject {
  /** Its digest. */
  digest: Digest;
  /** Its type. */
  mediaType: string;
  /** Its size in bytes. */
  size: number;
}

/** One image of what a name points to. */
export interface InspectedImage {
  /** Its digest. */
  digest: Digest;
  /** For which machine it is, where an index says so. */
  platform?: string;
  /** Its config, then its layers. */
  blobs: readonly ImageObject[];
}

/** What {@linkcode inspectImage} gives. */
export interface InspectImageResult {
  /** The reference, pinned. */
  reference: string;
  /** What it points to. */
  digest: Digest;
  /** Its media type. */
  mediaType: string;
  /** The size of all manifests and blobs, each counted once, in bytes. */
  size: number;
  /** The images: one, or those of an index. */
  images: readonly InspectedImage[];
}

/** What {@linkcode diffImages} gives. */
export interface DiffImagesResult {
  /** Manifests and blobs of both. */
  shared: readonly ImageObject[];
  /** What only the first has. */
  onlyA: readonly ImageObject[];
  /** What only the second has. */
  onlyB: readonly ImageObject[];
  /** Bytes that both share. */
  bytesShared: number;
  /** Bytes that only the first has. */
  bytesOnlyA: number;
  /** Bytes that only the second has: what it costs to go from the first to the second. */
  bytesOnlyB: number;
}

/**
 * Shows what an image consists of: its manifests, configs and layers. Blobs are not read.
 *
 * @throws {UsageError} if the reference is malformed, or of a registry while the context is offline
 * @throws {NotAllowedError} if a registry refuses, or this user may not read a file
 * @throws {KedgeError} if there is no such image
 *
 * @example
 * ```ts
 * import { inspectImage } from "@kedge/kedge";
 *
 * export async function layers(image: string): Promise<number> {
 *   const { images } = await inspectImage({ image }); // docker://ghcr.io/acme/vm:latest
 *   return images[0]!.blobs.length - 1; // the first blob is the config
 * }
 * ```
 */
export async function inspectImage(
  options: InspectImageOptions,
  ctx: TaskContextOptions = {},
): Promise<InspectImageResult> {
  const { runInspectImage } = await import("./reading.ts");
  return await runInspectImage(options, ctx);
}

/**
 * Compares two images: the manifests and blobs that both have, and those that only one of them has.
 *
 * @throws {UsageError} if a reference is malformed, or of a registry while the context is offline
 * @throws {NotAllowedError} if a registry refuses, or this user may not read a file
 * @throws {KedgeError} if there is no such image
 *
 * @example
 * ```ts
 * import { diffImages } from "@kedge/kedge";
 *
 * export async function updateBytes(): Promise<number> {
 *   const { bytesOnlyB } = await diffImages({ a: "oci:images/vm:1", b: "oci:images/vm:2" });
 *   return bytesOnlyB; // what a sync moves to whoever has the first
 * }
 * ```
 */
export async function diffImages(
  options: DiffImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<DiffImagesResult> {
  const { runDiffImages } = await import("./reading.ts");
  return await runDiffImages(options, ctx);
}

/**
 * Lists the tags of a repository or of a layout. For a repository its own registry is asked, since a mirror may lack some.
 *
 * @throws {UsageError} if the reference is malformed, names one image, or is of a registry while the context is offline
 * @throws {NotAllowedError} if a registry refuses, or this user may not read a file
 * @throws {KedgeError} if the registry has no such repository, or there is no layout in that folder
 *
 * @example
 * ```ts
 * import { listImages } from "@kedge/kedge";
 *
 * export async function tags(): Promise<string[]> {
 *   return (await listImages({ place: "docker://ghcr.io/acme/vm" })).tags;
 * }
 * ```
 */
export async function listImages(
  options: ListImagesOptions,
  ctx: TaskContextOptions = {},
): Promise<ListImagesResult> {
  const { runListImages } = await import("./reading.ts");
  return await runListImages(options, ctx);
}
