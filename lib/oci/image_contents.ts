import { VerificationError } from "../base/errors.ts";
import { inParallel } from "../base/in_parallel.ts";
import type { Descriptor, Platform } from "./descriptor.ts";
import type { ImageSource } from "./image_store.ts";
import {
  deepestManifest,
  describeManifest,
  type Manifest,
  mostManifestBytes,
  mostManifests,
} from "./manifest.ts";
import { isManifestType } from "./media_type.ts";

/** An image within what a name points to. */
export interface ImagePart {
  /** The manifest. */
  readonly manifest: Manifest;
  /** For which machine it is, where an index says so. */
  readonly platform?: Platform | undefined;
}

/** What a name points to, with all that lies below it. */
export interface ImageContents {
  /** What the name points to. */
  readonly root: Manifest;
  /** The images: the root itself, or those of an index. */
  readonly images: readonly ImagePart[];
  /** All manifests and blobs, each once. */
  readonly objects: ReadonlyMap<string, Descriptor>;
}

/**
 * Reads the manifests of an image; blobs are not read.
 *
 * @throws {VerificationError} if they are nested too deep, are too many, or have too many bytes together
 */
export async function readContents(
  source: ImageSource,
  signal: AbortSignal,
): Promise<ImageContents> {
  const refused = (state: string) =>
    new VerificationError(`Cannot read "${source.name}": ${state}`, { side: "source" });
  let bytes = 0;
  let count = 0;
  const counted = (manifest: Manifest): Manifest => {
    bytes += manifest.bytes.byteLength;
    if (bytes > mostManifestBytes) {
      throw refused(`its manifests have more than ${mostManifestBytes} bytes together`);
    }
    if (++count > mostManifests) throw refused(`it has more than ${mostManifests} manifests`);
    return manifest;
  };
  const root = counted(await source.resolve());
  const images: ImagePart[] = [];
  const objects = new Map<string, Descriptor>();
  const visit = async (manifest: Manifest, platform: Platform | undefined, depth: number) => {
    objects.set(manifest.digest, describeManifest(manifest));
    for (const blob of manifest.blobs) objects.set(blob.digest, blob);
    if (manifest.kind === "image") images.push({ manifest, platform });
    const children = manifest.manifests.filter((child) => !objects.has(child.digest));
    if (children.length > 0 && depth >= deepestManifest) {
      throw refused(`its indexes are nested more than ${deepestManifest} deep`);
    }
    const found = new Map<Descriptor, Manifest>();
    await inParallel(children, 8, signal, async (child) => {
      if (isManifestType(child.mediaType)) found.set(child, counted(await source.manifest(child)));
      else objects.set(child.digest, child);
    });
    for (const child of children) {
      const below = found.get(child);
      if (below !== undefined) await visit(below, child.platform, depth + 1);
    }
  };
  await visit(root, undefined, 0);
  return { root, images, objects };
}
