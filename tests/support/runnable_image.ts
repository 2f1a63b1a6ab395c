import { packTar } from "modern-tar";
import { gzipSync } from "node:zlib";
import { sha256 } from "../../lib/base/digest.ts";
import type { Descriptor } from "../../lib/oci/descriptor.ts";
import { Layout } from "../../lib/oci/layout/layout.ts";
import { MediaType } from "../../lib/oci/media_type.ts";
import { machinePlatform } from "../../lib/oci/platform.ts";
import { putContent } from "./layout.ts";

/** Puts an image into a layout that an engine can unpack: each layer is a gzipped tarball with one file. */
export async function writeRunnableImage(
  folder: string,
  tag: string,
  files: readonly { name: string; bytes: Uint8Array }[],
): Promise<{ root: Descriptor; config: Descriptor; layers: Descriptor[] }> {
  const layers: Descriptor[] = [];
  const diffIds: string[] = [];
  const layout = new Layout(folder);
  await layout.make();
  for (const { name, bytes } of files) {
    const tar = await packTar([{
      header: { name, size: bytes.byteLength, mode: 0o644, mtime: new Date(1000) },
      body: bytes,
    }]);
    diffIds.push(sha256(tar));
    const zipped = new Uint8Array(gzipSync(tar, { level: 1 }));
    layers.push(await putContent(folder, zipped, MediaType.ociLayerGzip));
  }
  const config = await putContent(
    folder,
    JSON.stringify({
      ...machinePlatform(),
      config: {},
      rootfs: { type: "layers", diff_ids: diffIds },
    }),
    MediaType.ociConfig,
  );
  const manifest = { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers };
  const root = await putContent(folder, JSON.stringify(manifest), MediaType.ociManifest);
  await layout.point(tag, root);
  return { root, config, layers };
}
