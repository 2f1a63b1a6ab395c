import { isDigest } from "../../base/digest_text.ts";
import { VerificationError } from "../../base/errors.ts";
import type { Descriptor } from "../descriptor.ts";
import type { LayoutBlobs } from "./layout_blobs.ts";
import { isManifestType } from "../media_type.ts";

/** Of entries of a layout those that are not attached to an image, as far as that can be read; all where nothing else is there. */
export async function withoutAttached(
  blobs: Pick<LayoutBlobs, "manifest">,
  entries: readonly Descriptor[],
): Promise<readonly Descriptor[]> {
  const images: Descriptor[] = [];
  for (const entry of entries) if (!await isAttached(blobs, entry)) images.push(entry);
  return images.length > 0 ? images : entries;
}

async function isAttached(
  blobs: Pick<LayoutBlobs, "manifest">,
  { digest, mediaType }: Descriptor,
): Promise<boolean> {
  if (!isManifestType(mediaType) || !isDigest(digest)) return false;
  try {
    return (await blobs.manifest(digest, mediaType))?.subject !== undefined;
  } catch (error) {
    if (error instanceof VerificationError) return false;
    throw error;
  }
}
