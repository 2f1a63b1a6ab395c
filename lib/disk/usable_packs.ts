import { type DiskBlob, packBlobs } from "../chunk/disk_manifest.ts";
import type { DiskImage } from "./disk_image.ts";
import type { DiskSource } from "./disk_store.ts";

/** A disk whose packs can be named again. */
export interface PushBase {
  /** The disk. */
  readonly image: DiskImage;
  /** Where its packs are. */
  readonly store: DiskSource;
}

/** Which packs of a base can be named: those that are where the base is. */
export class UsablePacks {
  #base: PushBase;
  #store: DiskSource;
  #current: boolean;
  #blobs: DiskBlob[];
  #known = new Map<number, boolean>();

  /** `current` says that the destination means the base now. */
  constructor(base: PushBase, store: DiskSource, current: boolean) {
    this.#base = base;
    this.#store = store;
    this.#current = current;
    this.#blobs = packBlobs(base.image.index);
  }

  /** Whether a pack of the base is where the base is. */
  async has(pack: number): Promise<boolean> {
    const known = this.#known.get(pack);
    if (known !== undefined) return known;
    // What a manifest in a registry names is there: the registry took the manifest, and keeps what it names.
    const sure = this.#base.store.requestsPerRead > 0;
    const there = sure || await this.#base.store.has(this.#blobs[pack]!);
    this.#known.set(pack, there);
    return there;
  }

  /** The packs that were asked for and must come into the repository of the destination. */
  toAdopt(): { pack: DiskBlob; from: DiskSource }[] {
    if (this.#current || sameRepository(this.#base.store, this.#store)) return [];
    return [...this.#known].filter(([, there]) => there)
      .map(([pack]) => ({ pack: this.#blobs[pack]!, from: this.#base.store }));
  }
}

/** Whether two stores are sure to hold their blobs in one place; of two layouts only a look tells. */
function sameRepository({ repository: a }: DiskSource, { repository: b }: DiskSource): boolean {
  return a !== undefined && a.host === b?.host && a.name === b.name;
}
