import type { Digest } from "../../base/digest.ts";

/** An image in an engine's store. */
export interface EngineStoredImage {
  /** The digest by which the engine knows it: that of its config, or in docker's newer stores of its manifest. */
  readonly id: Digest;
  /** The digests of its unpacked layers, from the lowest. */
  readonly layers: readonly string[];
  /** Its names: with a tag, or with the digest by which it was fetched. */
  readonly names: readonly string[];
}

/** A program that runs containers and fetches images by itself; an upper floor lends it. */
export interface ImageEngine {
  /** Whether it keeps a layer only together with all that lie below it. */
  readonly stacked: boolean;
  /** The image of a name, or `undefined`. */
  find(
    name: string,
    signal: AbortSignal,
  ): Promise<Pick<EngineStoredImage, "id" | "names"> | undefined>;
  /** All images that it has. */
  images(signal: AbortSignal): Promise<readonly EngineStoredImage[]>;
  /** Fetches an image of a registry on loopback. */
  pull(reference: string, signal: AbortSignal): Promise<void>;
  /** Gives an image a name; what had it before loses it. */
  tag(image: string, name: string, signal: AbortSignal): Promise<void>;
  /** Takes a name away, and the image with its last one. */
  untag(name: string, signal: AbortSignal): Promise<void>;
}
