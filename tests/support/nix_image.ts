import { join } from "@std/path";
import type { Digest } from "../../lib/base/digest.ts";
import type { Descriptor, Platform } from "../../lib/oci/descriptor.ts";
import { Layout } from "../../lib/oci/layout/layout.ts";
import { MediaType } from "../../lib/oci/media_type.ts";
import { machinePlatform } from "../../lib/oci/platform.ts";
import { syncImage } from "../../tasks/image/image.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { putContent } from "./layout.ts";

/** What a base image of a test is made of. */
export interface NixImage {
  /** The version that its label says; none without it. */
  label?: string;
  /** What is noted of each of its layers, as dockerTools of nixpkgs do. @default {nothing} */
  comments?: readonly string[];
  /** For which machine it is. @default {this one} */
  platform?: Platform;
  /** Whether the index names it without the platform. @default {false} */
  isBare?: boolean;
  /** Fields of its config beside those, or in their place. @default {none} */
  config?: Readonly<Record<string, unknown>>;
  /** Its layers, as tarballs. @default {one that holds a text} */
  layers?: readonly (Uint8Array | string)[];
}

/** Puts an image for some platforms into a layout: an index, as official images are. */
async function writeNixImage(
  folder: string,
  tag: string,
  images: readonly NixImage[],
): Promise<Descriptor> {
  const layout = new Layout(folder);
  await layout.make();
  const manifests: Descriptor[] = [];
  for (const image of images) {
    const { label, comments, platform = machinePlatform() } = image;
    const { layers: contents = [`nix ${label}`] } = image;
    const layers: Descriptor[] = [];
    for (const content of contents) {
      layers.push(await putContent(folder, content, MediaType.ociLayer));
    }
    const config = await putContent(
      folder,
      JSON.stringify({
        ...platform,
        config: label === undefined
          ? {}
          : { Labels: { "org.opencontainers.image.version": label } },
        ...(comments === undefined ? {} : { history: comments.map((comment) => ({ comment })) }),
        rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.digest) },
        ...image.config,
      }),
      MediaType.ociConfig,
    );
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config,
      layers,
    });
    const entry = await putContent(folder, manifest, MediaType.ociManifest);
    manifests.push(image.isBare ? entry : { ...entry, platform });
  }
  const text = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
  const index = await putContent(folder, text, MediaType.ociIndex);
  await layout.point(tag, index);
  return index;
}

/** Pushes an image of a test to `host/nixos/nix:tag`; gives the digest of its index. */
export async function pushNixImage(
  work: string,
  host: string,
  tag: string,
  images: readonly NixImage[],
): Promise<Digest> {
  const folder = join(work, "images");
  await writeNixImage(folder, tag, images);
  const { digest } = await syncImage({
    from: `oci:${folder}:${tag}`,
    to: `docker://${host}/nixos/nix:${tag}`,
    allPlatforms: true,
  }, { cache: new Cache(join(work, "push-cache")) });
  return digest as Digest;
}
