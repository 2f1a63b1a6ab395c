import { KedgeError } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import { describeManifest, type Manifest } from "../manifest.ts";
import type { ImageSource } from "../image_store.ts";
import { formatPlatform, selectPlatform } from "../platform.ts";
import type { Platform } from "../descriptor.ts";
import { readImageConfig } from "../read_image_config.ts";
import { verified } from "../verified.ts";

/** What {@linkcode notePlatform} works with. */
export interface NotePlatformOptions {
  /** The platforms that were asked for. */
  platforms: readonly Platform[];
  /** Takes the note. */
  meter: Meter;
  /** Ends the reading. */
  signal: AbortSignal;
}

/** Says of an image, which no index has chosen, that its config says another platform than was asked for; one that says none fits all. */
export async function notePlatform(
  source: ImageSource,
  image: Manifest,
  { platforms, meter, signal }: NotePlatformOptions,
): Promise<void> {
  const [config] = image.blobs;
  if (config === undefined) return;
  let platform: Platform | undefined;
  try {
    const body = verified(config, source.read(config, 0, signal), { name: source.name });
    platform = (await readImageConfig(config, body))?.platform;
  } catch (error) {
    signal.throwIfAborted();
    // Whoever copies it says what is wrong with it.
    if (error instanceof KedgeError) return;
    throw error;
  }
  if (platform === undefined) return;
  const entry = { ...describeManifest(image), platform };
  if (platforms.some((wanted) => selectPlatform([entry], wanted).length > 0)) return;
  meter.note(
    `${source.name} is for ${formatPlatform(platform)} alone, not for ${
      platforms.map(formatPlatform).join(" or ")
    }; it is taken as it is`,
    "warning",
  );
}
