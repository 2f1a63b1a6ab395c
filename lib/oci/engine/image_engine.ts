import type { StoredImage } from "../../base/stored_image.ts";

/** A program that runs containers and fetches images by itself; an upper floor lends it. */
export interface ImageEngine {
  /** Whether it keeps a layer only together with all that lie below it. */
  readonly stacked: boolean;
  /** The image of a name, or `undefined`. */
  find(
    name: string,
    signal: AbortSignal,
  ): Promise<Pick<StoredImage, "id" | "names"> | undefined>;
  /** All images that it has. */
  images(signal: AbortSignal): Promise<readonly StoredImage[]>;
  /** Fetches an image of a registry on loopback. */
  pull(reference: string, signal: AbortSignal): Promise<void>;
  /** Gives an image a name; what had it before loses it. */
  tag(image: string, name: string, signal: AbortSignal): Promise<void>;
  /** Takes a name away, and the image with its last one. */
  untag(name: string, signal: AbortSignal): Promise<void>;
}
