/**
 * An image that can be read in several places: its mirrors, then its own registry.
 *
 * Invariants: what a mirror cannot give, the next place is asked for, in the middle of a blob too; a mirror that does not answer is left
 * alone from then on; of one that was not seen to have the image a plan asks for each blob first, so that it knows what the reading
 * costs; the registry's own failure is the one that is told.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";
import { KedgeError, UnreachableError } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import type { Descriptor } from "./descriptor.ts";
import type { ImageSource, RangedDownload } from "./image_store.ts";
import type { Manifest } from "./manifest.ts";
import type { Limit } from "./pace.ts";
import type { MirrorUse } from "./registry_mirrors.ts";
import type { RegistrySource } from "./registry_source.ts";

/** A mirror of an image. */
export interface ImageMirror {
  /** The image there. */
  readonly source: RegistrySource;
  /** What it is asked for. */
  readonly use: MirrorUse;
}

/** Reads from mirrors first. */
export class MirroredSource implements ImageSource {
  readonly name: string;
  #mirrors: readonly ImageMirror[];
  #origin: RegistrySource;
  #meter: Meter;
  #resolvedBy: RegistrySource;
  #mirrored = new Set<Digest>();
  #doubted = new Set<RegistrySource>();
  #lacking = new Map<RegistrySource, Set<Digest>>();

  /** Connects to nothing yet. */
  constructor(name: string, mirrors: readonly ImageMirror[], origin: RegistrySource, meter: Meter) {
    this.name = name;
    this.#mirrors = mirrors;
    this.#origin = origin;
    this.#meter = meter;
    this.#resolvedBy = origin;
  }

  get limit(): Limit {
    return this.#places("digest-only")[0]!.limit;
  }

  get repository(): { host: string; name: string } {
    return this.#origin.repository;
  }

  get now(): ImageSource["now"] {
    return this.#resolvedBy.now;
  }

  async requestsPerRead({ digest }: Descriptor): Promise<number> {
    for (const place of this.#blobPlaces(digest)) {
      if (!this.#doubted.has(place) || await this.#hasBlob(place, digest)) break;
      this.#lacking.set(place, (this.#lacking.get(place) ?? new Set()).add(digest));
    }
    return 1;
  }

  async resolve(standing?: Manifest): Promise<Manifest> {
    const use = this.#origin.isPinned ? "digest-only" : "tag-only";
    const asked = this.#places(use);
    for (const { source } of this.#mirrors) if (!asked.includes(source)) this.#doubted.add(source);
    return await this.#first(use, async (place, isLast) => {
      const manifest = isLast ? await place.resolve(standing) : await place.lookUp(standing);
      if (manifest !== undefined) this.#resolvedBy = place;
      return manifest;
    });
  }

  async manifest(descriptor: Descriptor): Promise<Manifest> {
    return await this.#first("digest-only", (place) => place.manifest(descriptor));
  }

  async *read(
    descriptor: Descriptor,
    start: number,
    signal: AbortSignal,
  ): AsyncIterableIterator<Uint8Array> {
    let position = start;
    if (this.#mirrors.length > 0) this.#mirrored.add(descriptor.digest);
    for (const place of this.#blobPlaces(descriptor.digest)) {
      try {
        for await (const piece of place.read(descriptor, position, signal)) {
          position += piece.byteLength;
          yield piece;
        }
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (!this.#passOver(place, error)) throw error;
      }
    }
  }

  /** A mirror that has nothing attached may be one that has no more than the image. */
  async referrers(digest: Digest): Promise<readonly Descriptor[]> {
    for (const place of this.#places("digest-only")) {
      try {
        const found = await place.referrers(digest);
        if (found.length > 0) return found;
      } catch (error) {
        if (!this.#passOver(place, error)) throw error;
      }
    }
    return [];
  }

  /** The manifest that the name points to, if there is one. */
  async lookUp(): Promise<Manifest | undefined> {
    const use = this.#origin.isPinned ? "digest-only" : "tag-only";
    return await this.#firstFound(use, (place) => place.lookUp());
  }

  async tagged(tag: string): Promise<Manifest | undefined> {
    return await this.#firstFound("tag-only", (place) => place.tagged(tag));
  }

  downloads(digest: Digest): RangedDownload[] {
    if (this.#mirrors.length > 0) this.#mirrored.add(digest);
    return this.#blobPlaces(digest).flatMap((place) => place.downloads(digest));
  }

  /** Wrong bytes: leaves the mirrors alone from then on, if the blob came from one. */
  distrust({ digest }: Descriptor): boolean {
    this.#mirrors = [];
    return this.#mirrored.delete(digest);
  }

  [Symbol.dispose](): void {
    for (const { source } of this.#mirrors) source[Symbol.dispose]();
    this.#origin[Symbol.dispose]();
  }

  /** Where to ask: what was named by a tag comes whole from a mirror that is for tags alone. */
  #places(use: MirrorUse): RegistrySource[] {
    const uses = ["all", use, ...(this.#origin.isPinned ? [] : ["tag-only"])];
    const fitting = this.#mirrors.filter((mirror) => uses.includes(mirror.use));
    return [...fitting.map(({ source }) => source), this.#origin];
  }

  /** Where a blob is read; not where it was looked for in vain. */
  #blobPlaces(digest: Digest): RegistrySource[] {
    return this.#places("digest-only").filter((place) => !this.#lacking.get(place)?.has(digest));
  }

  async #hasBlob(place: RegistrySource, digest: Digest): Promise<boolean> {
    try {
      return await place.client.head(digest) !== undefined;
    } catch (error) {
      if (!this.#passOver(place, error)) throw error;
      return false;
    }
  }

  /** What the first place gives that has it. */
  async #firstFound<T>(
    use: MirrorUse,
    ask: (place: RegistrySource) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    for (const place of this.#places(use)) {
      try {
        const found = await ask(place);
        if (found !== undefined) return found;
      } catch (error) {
        if (!this.#passOver(place, error)) throw error;
      }
    }
    return undefined;
  }

  /** The same where one must have it. */
  async #first<T>(
    use: MirrorUse,
    ask: (place: RegistrySource, isLast: boolean) => Promise<T | undefined>,
  ): Promise<T> {
    for (const place of this.#places(use)) {
      try {
        const found = await ask(place, place === this.#origin);
        if (found !== undefined) return found;
        this.#meter.note(`${place.name} is not there; going on with the next place`);
      } catch (error) {
        if (!this.#passOver(place, error)) throw error;
      }
      this.#doubted.add(place);
    }
    throw new KedgeError(`Cannot find "${this.name}": no place has it`, { side: "source" });
  }

  /** Whether to go on with the next place after a failure of this one. */
  #passOver(place: RegistrySource, error: unknown): boolean {
    if (place === this.#origin || !(error instanceof KedgeError)) return false;
    this.#meter.note(`${error.message}; going on with the next place`, "warning");
    if (error instanceof UnreachableError) {
      this.#mirrors = this.#mirrors.filter(({ source }) => source !== place);
    }
    return true;
  }
}
