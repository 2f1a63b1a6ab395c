import { KedgeError } from "../base/errors.ts";
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
 * it. Of more than 32 such images the first are looked into; what is not an image that can run, or is not there, stays as it is.
 */
export async function configPlatforms(
  source: ImageSource,
  entries: readonly Descriptor[],
  signal: AbortSignal,
): Promise<Descriptor[]> {
  const found = new Map<Descriptor, Platform>();
  const silent = entries.filter(({ platform }) => platform === undefined).slice(0, mostImages);
  await pooled(silent, source.limit, signal, async (entry, signal) => {
    try {
      const platform = await platformOf(source, entry, signal);
      if (platform !== undefined) found.set(entry, platform);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  });
  return entries.map((entry) => {
    const platform = found.get(entry);
    return platform === undefined ? entry : { ...entry, platform };
  });
}

async function platformOf(
  source: ImageSource,
  entry: Descriptor,
  signal: AbortSignal,
): Promise<Platform | undefined> {
  const manifest = checkedManifest(await source.manifest(entry), entry, source.name);
  const [config] = manifest.kind === "image" ? manifest.blobs : [];
  if (config === undefined) return undefined;
  const body = verified(config, source.read(config, 0, signal), { name: source.name });
  return (await readImageConfig(config, body))?.platform;
}

/** Whether something is not there that an index or an image names. */
function isMissing(error: unknown): boolean {
  return error instanceof KedgeError &&
    (error.data["missing"] !== undefined || error.data["status"] === 404);
}
