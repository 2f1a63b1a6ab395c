import type { Digest } from "./digest.ts";

/** An image in the store of a program that runs containers. */
export interface StoredImage {
  /** The digest by which the engine knows it: that of its config, or in docker's newer stores of its manifest. */
  readonly id: Digest;
  /** The digests of its unpacked layers, from the lowest. */
  readonly layers: readonly string[];
  /** Its names: with a tag, or with the digest by which it was fetched. */
  readonly names: readonly string[];
}
