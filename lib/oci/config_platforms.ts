import type { Descriptor, Platform } from "./descriptor.ts";
import { checkedManifest } from "./checked_manifest.ts";
import type { ImageSource } from "./image_store.ts";
import { pooled } from "./pooled.ts";
import { readImageConfig } from "./read_image_config.ts";
import { verified } from "./verified.ts";

/** How many images are looked into: an index has one for each platform, and there are not many more. */
const mostImages = 32;

/**
 * The entries of an index, and with those images among them that it names without a platform the one that their config says, as containerd takes
 * it. Of more than 32 such images the first are looked into; what is no image that can run stays as it is.
 */
export async function configPlatforms(
  source: ImageSource,
  entries: readonly Descriptor[],
  signal: AbortSignal,
): Promise<Descriptor[]> {
  const found = new Map<Descriptor, Platform>();
  const silent = entries.filter(({ platform }) => platform === undefined).slice(0, mostImages);
  await pooled(silent, source.limit, signal, async (entry, signal) => {
    const manifest = checkedManifest(await source.manifest(entry), entry, source.name);
    const [config] = manifest.kind === "image" ? manifest.blobs : [];
    if (config === undefined) return;
    const body = verified(config, source.read(config, 0, signal), { name: source.name });
    const platform = (await readImageConfig(config, body))?.platform;
    if (platform !== undefined) found.set(entry, platform);
  });
  return entries.map((entry) => {
    const platform = found.get(entry);
    return platform === undefined ? entry : { ...entry, platform };
  });
}
