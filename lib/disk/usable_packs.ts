import { inParallel } from "../base/in_parallel.ts";
import { type DiskBlob, packBlobs } from "../chunk/disk_manifest.ts";
import type { DiskChunksImage } from "./disk_image.ts";
import type { DiskSource } from "./disk_store.ts";

const lookingAtOnce = 4;

/** A disk whose packs can be named again. */
export interface PushBase {
  /** The disk. */
  readonly image: DiskChunksImage;
  /** Where its packs are. */
  readonly store: DiskSource;
}

/** What {@linkcode UsablePacks} work with. */
export interface UsablePacksOptions {
  /** Where the push goes. */
  readonly store: DiskSource;
  /** Whether that means the base now. */
  readonly isCurrent: boolean;
  /** Whether a registry is asked for each pack that its manifest names. */
  readonly asks: boolean;
}

/** Which packs of a base can be named: those that are where the base is. */
export class UsablePacks {
  #base: PushBase;
  #of: UsablePacksOptions;
  #blobs: DiskBlob[];
  #known = new Map<number, boolean>();

  /** Asks for nothing yet. */
  constructor(base: PushBase, options: UsablePacksOptions) {
    this.#base = base;
    this.#of = options;
    this.#blobs = packBlobs(base.image.index);
  }

  /** Finds out which of these packs are there. */
  async lookAt(packs: ReadonlySet<number>, signal: AbortSignal): Promise<void> {
    const { store } = this.#base;
    await inParallel(packs, lookingAtOnce, signal, async (pack) => {
      // What a manifest in a registry names is there: the registry took the manifest, and keeps what it names.
      const isSure = store.requestsPerRead > 0 && !this.#of.asks;
      this.#known.set(pack, isSure || await store.has(this.#blobs[pack]!));
    });
  }

  /** Whether a pack that was looked at is where the base is. */
  has(pack: number): boolean {
    return this.#known.get(pack) === true;
  }

  /** How many of those that were looked at are gone. */
  get lost(): number {
    return [...this.#known.values()].filter((there) => !there).length;
  }

  /** Those that must come into the repository of the destination. */
  toAdopt(): { pack: DiskBlob; from: DiskSource }[] {
    if (this.#of.isCurrent || sameRepository(this.#base.store, this.#of.store)) return [];
    return [...this.#known].filter(([, there]) => there)
      .map(([pack]) => ({ pack: this.#blobs[pack]!, from: this.#base.store }));
  }
}

/** Whether two stores are sure to hold their blobs in one place; of two layouts only a look tells. */
function sameRepository({ repository: a }: DiskSource, { repository: b }: DiskSource): boolean {
  return a !== undefined && a.host === b?.host && a.name === b.name;
}
