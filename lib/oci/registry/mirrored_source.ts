/**
 * An image that can be read in several places: its mirrors, then its own registry.
 *
 * Invariants: what a mirror cannot give, the next place is asked for, in the middle of a blob too.
 *
 * @module
 */
import type { Digest } from "../../base/digest.ts";
import { KedgeError } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import type { Descriptor } from "../descriptor.ts";
import type { ImageSource, RangedDownload } from "../image_store.ts";
import type { Manifest } from "../manifest.ts";
import { type Mirror, MirrorPlaces } from "./mirror_places.ts";
import type { Limit } from "../../http/pace.ts";
import type { RegistrySource } from "./registry_source.ts";

/** Reads from mirrors first. */
export class MirroredSource implements ImageSource {
  readonly name: string;
  #places: MirrorPlaces<RegistrySource>;
  #resolvedBy: RegistrySource;

  /** Connects to nothing yet. */
  constructor(
    name: string,
    mirrors: readonly Mirror<RegistrySource>[],
    origin: RegistrySource,
    meter: Meter,
  ) {
    this.name = name;
    this.#places = new MirrorPlaces(mirrors, origin, { isPinned: origin.isPinned, meter });
    this.#resolvedBy = origin;
  }

  get limit(): Limit {
    return this.#places.of("digest-only")[0]!.limit;
  }

  get repository(): { host: string; name: string } {
    return this.#places.origin.repository;
  }

  get now(): ImageSource["now"] {
    return this.#resolvedBy.now;
  }

  async requestsPerRead({ digest }: Descriptor): Promise<number> {
    await this.#places.lookFor(digest);
    return 1;
  }

  async resolve(standing?: Manifest): Promise<Manifest> {
    const { origin } = this.#places;
    const asked = this.#places.ofName();
    this.#places.doubtOthers(asked);
    const found = await this.#places.first(asked, async (place) => {
      const manifest = await (place === origin ? place.resolve(standing) : place.lookUp(standing));
      if (manifest !== undefined) this.#resolvedBy = place;
      return manifest;
    });
    return found ?? this.#nowhere();
  }

  async manifest(descriptor: Descriptor): Promise<Manifest> {
    const places = this.#places.of("digest-only");
    const found = await this.#places.first(places, (place) => place.manifest(descriptor));
    return found ?? this.#nowhere();
  }

  async *read(
    descriptor: Descriptor,
    start: number,
    signal: AbortSignal,
  ): AsyncIterableIterator<Uint8Array> {
    let position = start;
    for (const place of this.#places.ofRead(descriptor.digest)) {
      try {
        for await (const piece of place.read(descriptor, position, signal)) {
          position += piece.byteLength;
          yield piece;
        }
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (!this.#places.passOver(place, error)) throw error;
      }
    }
  }

  /** A mirror that has nothing attached may be one that has no more than the image. */
  async referrers(digest: Digest): Promise<readonly Descriptor[]> {
    const places = this.#places.of("digest-only");
    const found = await this.#places.firstFound(places, async (place) => {
      const listed = await place.referrers(digest);
      return listed.length > 0 ? listed : undefined;
    });
    return found ?? [];
  }

  /** The manifest that the name points to, if there is one. */
  async lookUp(): Promise<Manifest | undefined> {
    return await this.#places.firstFound(this.#places.ofName(), (place) => place.lookUp());
  }

  async tagged(tag: string): Promise<Manifest | undefined> {
    const places = this.#places.of("tag-only");
    return await this.#places.firstFound(places, (place) => place.tagged(tag));
  }

  downloads(digest: Digest): RangedDownload[] {
    return this.#places.ofRead(digest).flatMap((place) => place.downloads(digest));
  }

  distrust({ digest }: Descriptor): boolean {
    return this.#places.distrust(digest);
  }

  [Symbol.dispose](): void {
    this.#places[Symbol.dispose]();
  }

  #nowhere(): never {
    throw new KedgeError(`Cannot find "${this.name}": no place has it`, { side: "source" });
  }
}
