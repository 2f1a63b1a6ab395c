/**
 * What is remembered of layers that were read: which store paths they hold. It saves reading them again, and carries no correctness.
 *
 * @module
 */
import * as v from "valibot";
import type { Digest } from "../base/digest.ts";
import { isNoRoom } from "../base/errors.ts";
import { buckets } from "../cache/buckets.ts";
import type { Cache } from "../cache/cache.ts";
import type { CacheEntry } from "../cache/cache_entry.ts";

const factsSchema = v.looseObject({
  stores: v.array(v.string()),
  hidden: v.array(v.string()),
  links: v.array(v.object({ path: v.string(), target: v.string() })),
  database: v.boolean(),
  databaseFiles: v.array(v.string()),
});
const imageSchema = v.record(v.string(), factsSchema);

/** What a layer is known to hold below `nix`. */
export type LayerFacts = v.InferOutput<typeof factsSchema>;

const writeEveryMs = 2000;

/** Facts by the digest of the layer; one entry of the cache for each image. */
export class LayerMemory {
  readonly #entry: CacheEntry<Record<string, LayerFacts>>;
  readonly #own: Record<string, LayerFacts> = {};
  readonly #facts = new Map<string, LayerFacts>();
  readonly #by: string;
  readonly #now: () => number;
  #writtenMs: number;
  #isWritten = true;

  private constructor(
    entry: CacheEntry<Record<string, LayerFacts>>,
    { by, now }: { by: string; now: () => number },
  ) {
    this.#entry = entry;
    this.#by = by;
    this.#now = now;
    this.#writtenMs = now();
  }

  /** Recalls what is known of the layers of an image, and of others that may share some with it. */
  static async recall(
    cache: Cache,
    image: Digest,
    others: readonly Digest[],
  ): Promise<LayerMemory> {
    const entryOf = (digest: Digest) => cache.entry(buckets.oci, `layers ${digest}`, imageSchema);
    const memory = new LayerMemory(entryOf(image), {
      by: `base-image:carry ${image}`,
      now: () => cache.now(),
    });
    for (const digest of new Set([image, ...others])) {
      const known = (await entryOf(digest).read())?.value ?? {};
      for (const [layer, facts] of Object.entries(known)) memory.#facts.set(layer, facts);
    }
    return memory;
  }

  /** What is known of a layer. */
  of(layer: Digest): LayerFacts | undefined {
    return this.#facts.get(layer);
  }

  /**
   * Keeps what was learned. {@linkcode LayerMemory.write} writes it at the end; of a run that takes longer it is written now and then, so that
   * the next one reads no layer again where this one is killed.
   */
  async learn(layer: Digest, facts: LayerFacts): Promise<void> {
    this.#facts.set(layer, facts);
    this.#keep(layer, facts);
    if (this.#now() - this.#writtenMs > writeEveryMs) await this.write();
  }

  /** Says that a layer is one of the image, whoever it was learned from. */
  share(layer: Digest): void {
    const facts = this.#facts.get(layer);
    if (facts !== undefined) this.#keep(layer, facts);
  }

  /** Writes what is known of the layers of the image, unless it is written, or there is no room for it: a carry does not fail for that. */
  async write(): Promise<void> {
    if (this.#isWritten) return;
    this.#isWritten = true;
    this.#writtenMs = this.#now();
    try {
      await this.#entry.write(this.#own, { by: this.#by });
    } catch (error) {
      if (!isNoRoom(error)) throw error;
    }
  }

  #keep(layer: Digest, facts: LayerFacts): void {
    if (this.#own[layer] === facts) return;
    this.#own[layer] = facts;
    this.#isWritten = false;
  }
}
