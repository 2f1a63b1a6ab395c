/**
 * Where something of a registry can be read: its mirrors, then the registry itself.
 *
 * Invariants: what a mirror cannot give, the next place is asked for; a mirror that does not answer is left alone from then on; of one that
 * was not seen to have what was named a plan asks for each blob first, so that it knows what the reading costs; the registry's own failure
 * is the one that is told.
 *
 * @module
 */
import type { Digest } from "../../base/digest.ts";
import { KedgeError, UnreachableError } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import type { RegistryClient } from "./registry_client.ts";
import type { MirrorUse } from "./registry_mirrors.ts";

/** One place. */
export interface MirrorPlace extends Disposable {
  /** What is read there, for people. */
  readonly name: string;
  /** Asks there. */
  readonly client: RegistryClient;
}

/** A mirror. */
export interface Mirror<P extends MirrorPlace> {
  /** What is read there. */
  readonly source: P;
  /** What it is asked for. */
  readonly use: MirrorUse;
}

/** What {@linkcode MirrorPlaces} work with. */
export interface MirrorPlacesOptions {
  /** Whether what is read was named by its digest. */
  readonly isPinned: boolean;
  /** Told when the next place is asked. */
  readonly meter: Meter;
}

/** The places, the best first. */
export class MirrorPlaces<P extends MirrorPlace> implements Disposable {
  /** The registry itself. */
  readonly origin: P;
  #mirrors: readonly Mirror<P>[];
  #opened: readonly Mirror<P>[];
  #isPinned: boolean;
  #meter: Meter;
  #read = new Set<Digest>();
  #doubted = new Set<P>();
  #lacking = new Map<P, Set<Digest>>();

  /** Asks for nothing. */
  constructor(mirrors: readonly Mirror<P>[], origin: P, { isPinned, meter }: MirrorPlacesOptions) {
    this.origin = origin;
    this.#mirrors = this.#opened = mirrors;
    this.#isPinned = isPinned;
    this.#meter = meter;
  }

  /** Where to ask: what was named by a tag comes whole from a mirror that is for tags alone. */
  of(use: MirrorUse): P[] {
    const uses = ["all", use, ...(this.#isPinned ? [] : ["tag-only"])];
    const fitting = this.#mirrors.filter((mirror) => uses.includes(mirror.use));
    return [...fitting.map(({ source }) => source), this.origin];
  }

  /** Where to ask for what was named. */
  ofName(): P[] {
    return this.of(this.#isPinned ? "digest-only" : "tag-only");
  }

  /** Where a blob is read; not where it was looked for in vain. */
  ofBlob(digest: Digest): P[] {
    return this.of("digest-only").filter((place) => !this.#lacking.get(place)?.has(digest));
  }

  /** The same for one that is read now. */
  ofRead(digest: Digest): P[] {
    if (this.#mirrors.length > 0) this.#read.add(digest);
    return this.ofBlob(digest);
  }

  /** Makes sure that the place that is asked first for a blob has it, where that is in doubt. */
  async lookFor(digest: Digest): Promise<void> {
    for (const place of this.ofBlob(digest)) {
      if (!this.#doubted.has(place) || await this.#hasBlob(place, digest)) break;
      this.lack(place, digest);
    }
  }

  /** Takes note that a place does not give a blob. */
  lack(place: P, digest: Digest): void {
    if (place === this.origin) return;
    this.#lacking.set(place, (this.#lacking.get(place) ?? new Set()).add(digest));
  }

  /** Doubts all mirrors that were not asked for what was named. */
  doubtOthers(asked: readonly P[]): void {
    for (const { source } of this.#mirrors) if (!asked.includes(source)) this.#doubted.add(source);
  }

  /** What the first place gives that has it. */
  async firstFound<T>(
    places: readonly P[],
    ask: (place: P) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    for (const place of places) {
      try {
        const found = await ask(place);
        if (found !== undefined) return found;
      } catch (error) {
        if (!this.passOver(place, error)) throw error;
      }
    }
    return undefined;
  }

  /** The same where each is likely to have it: one that has not is doubted from then on. */
  async first<T>(
    places: readonly P[],
    ask: (place: P) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    return await this.firstFound(places, async (place) => {
      let has = false;
      try {
        const found = await ask(place);
        has = found !== undefined || place === this.origin;
        if (!has) this.#meter.note(`${place.name} is not there; going on with the next place`);
        return found;
      } finally {
        if (!has) this.#doubted.add(place);
      }
    });
  }

  /** Whether to go on with the next place after a failure of this one. */
  passOver(place: P, error: unknown): boolean {
    if (place === this.origin || !(error instanceof KedgeError)) return false;
    // Of one that is left alone by now, others of what was under way have told.
    if (this.#mirrors.some(({ source }) => source === place)) {
      this.#meter.note(`${error.message}; going on with the next place`, "warning");
    }
    if (error instanceof UnreachableError) {
      this.#mirrors = this.#mirrors.filter(({ source }) => source !== place);
    }
    return true;
  }

  /** Wrong bytes: leaves the mirrors alone from then on, if the blob may have come from one. */
  distrust(digest: Digest): boolean {
    this.#mirrors = [];
    return this.#read.delete(digest);
  }

  [Symbol.dispose](): void {
    for (const { source } of this.#opened) source[Symbol.dispose]();
    this.origin[Symbol.dispose]();
  }

  async #hasBlob(place: P, digest: Digest): Promise<boolean> {
    try {
      return await place.client.head(digest) !== undefined;
    } catch (error) {
      if (!this.passOver(place, error)) throw error;
      return false;
    }
  }
}
