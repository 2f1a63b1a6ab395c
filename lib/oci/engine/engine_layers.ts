import * as v from "valibot";
import type { Digest } from "../../base/digest.ts";
import type { StoredImage } from "../../base/stored_image.ts";
import type { Descriptor } from "../descriptor.ts";
import type { Memory } from "../memory.ts";

const knownSchema = v.object({ diffId: v.string() });

/**
 * The layers of an image, and which of them an engine holds. An engine knows a layer by what it unpacks to: which packed bytes that came of
 * is known for certain only of those that it fetched from here before.
 */
export class EngineLayers {
  #memory: Memory;
  #scope: string;
  #held: readonly StoredImage[] = [];
  #diffIds = new Map<Digest, string>();
  #below = new Map<Digest, readonly string[]>();

  /** Knows of no layer yet; what was fetched by engines of this kind is in the memory. */
  constructor(memory: Memory, transport: string) {
    this.#memory = memory;
    this.#scope = `layers of ${transport}`;
  }

  /** Takes note of the layers of an image, of what they unpack to, from the lowest, and of the images that the engine holds. */
  note(
    layers: readonly Descriptor[],
    diffIds: readonly string[],
    held: readonly StoredImage[],
  ): void {
    this.#held = held;
    for (const [at, { digest }] of layers.entries()) {
      this.#diffIds.set(digest, diffIds[at]!);
      this.#below.set(digest, diffIds.slice(0, at + 1));
    }
  }

  /** Whether the engine holds a layer, and will not ask for it; `stacked` if it keeps one only together with all that lie below it. */
  holds(digest: Digest, stacked: boolean): boolean {
    const known = v.safeParse(knownSchema, this.#memory.recall(this.#scope, digest));
    const diffId = this.#diffIds.get(digest);
    if (!known.success || known.output.diffId !== diffId) return false;
    const below = this.#below.get(digest) ?? [];
    return this.#held.some(({ layers }) =>
      stacked ? below.every((each, at) => layers[at] === each) : layers.includes(diffId)
    );
  }

  /** Remembers what the layers unpack to, once the engine fetched them. */
  remember(): void {
    for (const [digest, diffId] of this.#diffIds) {
      this.#memory.remember(this.#scope, digest, { diffId });
    }
  }
}
