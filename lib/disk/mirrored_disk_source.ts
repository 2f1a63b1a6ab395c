import type { Digest } from "../base/digest.ts";
import { KedgeError } from "../base/errors.ts";
import { inParallel } from "../base/in_parallel.ts";
import type { Meter } from "../base/meter.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";
import type { Manifest } from "../oci/manifest.ts";
import { type Mirror, MirrorPlaces } from "../oci/registry/mirror_places.ts";
import { RangeRefusedError } from "../oci/registry/range_refused_error.ts";
import type { RegistryReference } from "../oci/reference.ts";
import type { DiskSource, ReadOptions } from "./disk_store.ts";
import type { RegistryDiskStore } from "./registry_disk_store.ts";

const lookingAtOnce = 4;

/** A disk in a repository of a registry that has mirrors, which are asked first. */
export class MirroredDiskSource implements DiskSource {
  readonly name: string;
  readonly requestsPerRead = 1;
  readonly reference: RegistryReference;
  #places: MirrorPlaces<RegistryDiskStore>;
  #resolvedBy: RegistryDiskStore;
  #rangeless = new Set<RegistryDiskStore>();
  #meter: Meter;

  /** Connects to nothing yet. */
  constructor(
    mirrors: readonly Mirror<RegistryDiskStore>[],
    origin: RegistryDiskStore,
    meter: Meter,
  ) {
    this.reference = origin.reference;
    this.name = origin.name;
    const isPinned = origin.reference.digest !== undefined;
    this.#places = new MirrorPlaces(mirrors, origin, { isPinned, meter });
    this.#resolvedBy = origin;
    this.#meter = meter;
  }

  get repository(): { host: string; name: string } {
    return this.#places.origin.repository;
  }

  async resolve(): Promise<Manifest | undefined> {
    const asked = this.#places.ofName();
    this.#places.doubtOthers(asked);
    return await this.#places.first(asked, async (place) => {
      const manifest = await place.resolve();
      if (manifest !== undefined) this.#resolvedBy = place;
      return manifest;
    });
  }

  /** What another place means by it says nothing of what was pulled. */
  async pointer(): Promise<Digest | undefined> {
    const place = this.#resolvedBy;
    const digest = await place.pointer();
    if (digest !== undefined || place === this.#places.origin) return digest;
    throw new KedgeError(`Cannot find "${place.name}": it is not there any more`, {
      side: "source",
    });
  }

  async range(
    blob: DiskBlob,
    start: number,
    end: number,
    options: ReadOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { origin } = this.#places;
    for (const place of this.#places.ofRead(blob.digest)) {
      if (place === origin) break;
      if (this.#rangeless.has(place)) continue;
      try {
        return await place.range(blob, start, end, options);
      } catch (error) {
        options.signal.throwIfAborted();
        if (error instanceof RangeRefusedError) this.#refusesRanges(place);
        else this.#goOn(place, blob, error);
      }
    }
    return await origin.range(blob, start, end, options);
  }

  async *stream(blob: DiskBlob, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let position = 0;
    for (const place of this.#places.ofRead(blob.digest)) {
      try {
        for await (const piece of place.stream(blob, signal, position)) {
          position += piece.length;
          yield piece;
        }
        return;
      } catch (error) {
        signal.throwIfAborted();
        this.#goOn(place, blob, error);
      }
    }
  }

  async has(blob: DiskBlob): Promise<boolean> {
    const places = this.#places.ofBlob(blob.digest);
    const has = async (place: RegistryDiskStore) => await place.has(blob) || undefined;
    return await this.#places.firstFound(places, has) ?? false;
  }

  async lookFor(blobs: readonly DiskBlob[], signal: AbortSignal): Promise<void> {
    await inParallel(blobs, lookingAtOnce, signal, ({ digest }) => this.#places.lookFor(digest));
  }

  distrust({ digest }: DiskBlob): boolean {
    const isElsewhere = this.#places.distrust(digest);
    if (isElsewhere) {
      this.#meter.note(`the bytes of ${digest} are wrong; fetching them elsewhere`, "warning");
    }
    return isElsewhere;
  }

  [Symbol.dispose](): void {
    this.#places[Symbol.dispose]();
  }

  /** Goes on with the next place, and asks this one no more for the blob. */
  #goOn(place: RegistryDiskStore, { digest }: DiskBlob, error: unknown): void {
    if (!this.#places.passOver(place, error)) throw error;
    this.#places.lack(place, digest);
  }

  #refusesRanges(place: RegistryDiskStore): void {
    if (this.#rangeless.has(place)) return;
    this.#rangeless.add(place);
    this.#meter.note(`${place.name} gives no ranges; going on with the next place`, "warning");
  }
}
