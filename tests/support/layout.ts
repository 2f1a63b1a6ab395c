import { join } from "@std/path";
import { type Digest, sha256 } from "../../lib/base/digest.ts";
import type { Descriptor, Platform } from "../../lib/oci/descriptor.ts";
import { Layout } from "../../lib/oci/layout/layout.ts";
import { MediaType } from "../../lib/oci/media_type.ts";

/** What an image of a test is made of. */
export interface TestImage {
  /** The contents of its layers. */
  layers: readonly (Uint8Array | string)[];
  /** For which machine it is. @default {linux/amd64} */
  platform?: Platform;
  /** More fields of the manifest. */
  extra?: Record<string, unknown>;
  /** Facts about it. */
  annotations?: Record<string, string>;
}

/** The platform of images that do not say another. */
const testPlatform: Platform = { os: "linux", architecture: "amd64" };

/** Puts an image into a layout; without a tag it is put, and nothing points to it. */
export async function writeImage(
  folder: string,
  tag: string | undefined,
  image: TestImage,
): Promise<Descriptor> {
  const layout = new Layout(folder);
  await layout.make();
  const layers: Descriptor[] = [];
  for (const content of image.layers) {
    layers.push(await putContent(folder, content, MediaType.ociLayerGzip));
  }
  const platform = image.platform ?? testPlatform;
  const diffIds = layers.map((layer) => layer.digest);
  const config = await putContent(
    folder,
    JSON.stringify({ ...platform, config: {}, rootfs: { type: "layers", diff_ids: diffIds } }),
    MediaType.ociConfig,
  );
  const descriptor = await putContent(
    folder,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config,
      layers,
      ...(image.annotations === undefined ? {} : { annotations: image.annotations }),
      ...image.extra,
    }),
    MediaType.ociManifest,
  );
  if (tag !== undefined) await layout.point(tag, descriptor);
  return descriptor;
}

/** Puts an index of images, one for each platform, into a layout. */
export async function writeIndex(
  folder: string,
  tag: string | undefined,
  images: readonly TestImage[],
): Promise<Descriptor> {
  const manifests: Descriptor[] = [];
  for (const image of images) {
    const descriptor = await writeImage(folder, undefined, image);
    manifests.push({ ...descriptor, platform: image.platform ?? testPlatform });
  }
  const text = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
  const descriptor = await putContent(folder, text, MediaType.ociIndex);
  if (tag !== undefined) await new Layout(folder).point(tag, descriptor);
  return descriptor;
}

/** Puts content into a layout and describes it. */
export async function putContent(
  folder: string,
  content: Uint8Array | string,
  mediaType: string,
): Promise<Descriptor> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const digest = sha256(bytes);
  await Deno.mkdir(join(folder, "blobs", "sha256"), { recursive: true });
  await Deno.writeFile(new Layout(folder).blobPath(digest), bytes);
  return { mediaType, digest, size: bytes.byteLength };
}

/** Bytes that do not compress, the same for the same seed. */
export function randomBytes(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state >>> 0;
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** The digests of all blobs of a layout, in order. */
export async function blobsOf(folder: string): Promise<Digest[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(join(folder, "blobs", "sha256"))) names.push(entry.name);
  return names.sort().map((name) => `sha256:${name}` as Digest);
}

/** Attaches a signature to an image of a layout, under the fallback tag too. */
export async function attachSignature(layout: Layout, image: Descriptor): Promise<Descriptor> {
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: await putContent(layout.folder, "{}", MediaType.empty),
    layers: [await putContent(layout.folder, "signed", "application/x.signature")],
    subject: image,
  });
  const signature = await putContent(layout.folder, text, MediaType.ociManifest);
  await layout.attach(
    image.digest,
    (await layout.manifest(signature.digest, signature.mediaType))!,
  );
  return signature;
}
