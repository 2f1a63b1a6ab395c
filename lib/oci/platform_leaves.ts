import type { Descriptor, Platform } from "./descriptor.ts";
import type { ImageSource } from "./image_store.ts";
import type { Manifest } from "./manifest.ts";
import { isIndexType } from "./media_type.ts";
import { fitsBest, selectPlatform } from "./platform.ts";

/**
 * The entries of an index among which those for some platforms are to be chosen: its own, and those of the indexes within it where these could
 * have what fits better; one that is not needed may be missing. Where none fits, images that are named without a platform have that of their
 * config.
 */
export async function platformLeaves(
  source: ImageSource,
  index: Manifest,
  platforms: readonly Platform[],
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  const leaves = await leavesOf(source, index, platforms, signal);
  const isFound = platforms.every((platform) => selectPlatform(leaves, platform).length > 0);
  if (isFound || leaves.every((entry) => entry.platform !== undefined)) return leaves;
  const { configPlatforms } = await import("./config_platforms.ts");
  return await configPlatforms(source, leaves, signal);
}

async function leavesOf(
  source: ImageSource,
  index: Manifest,
  platforms: readonly Platform[],
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  const images = index.manifests.filter(({ mediaType }) => !isIndexType(mediaType));
  const isWhole = images.length === index.manifests.length;
  if (isWhole || platforms.every((platform) => fitsBest(images, platform))) return images;
  const { indexLeaves } = await import("./index_leaves.ts");
  return await indexLeaves(source, index, platforms, signal);
}
