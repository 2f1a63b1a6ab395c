/**
 * The Nix store in the layers of an image, read without any container.
 *
 * Invariants: a layer is read from its source as it is, hashed to its last byte before what it says of itself counts; what an upper layer has or
 * hides counts, whatever the layers below say, unless a path is proven whole by its hash; a layer of which is known that nothing in
 * it is wanted is not read.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import { inParallel } from "../base/in_parallel.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { ImageSource } from "../oci/image_store.ts";
import { verified } from "../oci/verified.ts";
import { DatabaseFiles, type ImageStore } from "./database_files.ts";
import { LayerCrew } from "./layer_crew.ts";
import type { LayerFacts, LayerMemory } from "./layer_memory.ts";
import { MergedDatabase } from "./merged_database.ts";
import { noDatabase } from "./no_database.ts";
import { readLayer, type ReadLayerOptions, stateFolder } from "./read_layer.ts";
import type { StoreSource, StoreTaker, Unpacked, UnpackOptions } from "./store_source.ts";
import { surveyDatabase } from "./survey_database.ts";

/** Reads the layers of one image. */
export class LayeredStore implements StoreSource {
  readonly #source: ImageSource;
  readonly #layers: readonly Descriptor[];
  readonly #memory: LayerMemory;

  /** Takes the layers as the manifest names them, the lowest first. */
  constructor(source: ImageSource, layers: readonly Descriptor[], memory: LayerMemory) {
    this.#source = source;
    this.#layers = layers.toReversed();
    this.#memory = memory;
  }

  /** Reads the database; the rest of the layers is not looked at yet. */
  async survey(work: string, signal: AbortSignal): Promise<ImageStore> {
    const image = await surveyDatabase(
      work,
      this.#layers.map((layer) => ({
        name: this.#nameOf(layer),
        facts: this.#memory.of(layer.digest),
        bytes: () => this.#bytes(layer, signal),
      })),
    );
    if (image === undefined) throw noDatabase(this.#source.name);
    return image;
  }

  async requestsToRead(wants: (baseName: string) => boolean): Promise<number> {
    const layers = this.#toRead(wants);
    return layers.length === 0 ? 0 : layers.length * await this.#source.requestsPerRead(layers[0]!);
  }

  /** Reads all layers that may hold something wanted. */
  async unpack(options: UnpackOptions): Promise<Unpacked> {
    const { taker, database, threads, signal } = options;
    const links = new Map<string, string>();
    const hidden = new Set<string>();
    const databases = new Map<Digest, ReadonlyMap<string, Digest>>();
    let layerBytes = 0;
    const wasKnown = this.#layers.every(({ digest }) => this.#memory.of(digest) !== undefined);
    if (threads > 0) {
      await using crew = new LayerCrew(options);
      layerBytes += await this.#readAtOnce(crew, taker, databases, signal);
    }
    const merged = new MergedDatabase();
    for (const layer of this.#layers) {
      signal.throwIfAborted();
      let facts = this.#memory.of(layer.digest);
      let digests = databases.get(layer.digest);
      const wanted = facts === undefined || (digests === undefined && merged.wants(facts)) ||
        facts.stores.some((name) => taker.wants(name) && !isHidden(hidden, `nix/store/${name}`));
      if (wanted) {
        const files = new DatabaseFiles(undefined, (name) => merged.lacks(name));
        facts = await this.#read(layer, signal, {
          taker,
          database: files,
          isHidden: (path) => isHidden(hidden, path),
        });
        digests = files.digests();
        layerBytes += layer.size;
        await taker.layerEnd();
        await this.#memory.learn(layer.digest, facts);
      } else this.#memory.share(layer.digest);
      for (const { path, target } of facts!.links) {
        if (!isHidden(hidden, stateFolder + path) && !links.has(path)) links.set(path, target);
      }
      for (const path of facts!.hidden) hidden.add(path);
      merged.pass(facts!, digests);
    }
    await this.#memory.write();
    const found = merged.digest();
    if (found === undefined) throw noDatabase(this.#source.name);
    // The log of the database may lie alone in a layer that was not read before.
    const isStale = found !== database;
    if (isStale && wasKnown) {
      throw new VerificationError(
        `Cannot use "${this.#source.name}": its database changed while it was read`,
        { side: "source", hint: "run the same command again" },
      );
    }
    return { links: [...links].map(([path, target]) => ({ path, target })), layerBytes, isStale };
  }

  /** Has a crew read what must be read, the largest layers first; what it could not read is left. */
  async #readAtOnce(
    crew: LayerCrew,
    taker: StoreTaker,
    databases: Map<Digest, ReadonlyMap<string, Digest>>,
    signal: AbortSignal,
  ): Promise<number> {
    let layerBytes = 0;
    const layers = this.#toRead((name) => taker.wants(name)).toSorted((a, b) => b.size - a.size);
    const limit = Math.min(crew.concurrency, layers.length);
    await inParallel(layers, limit, signal, async (layer, signal) => {
      const path = this.#source.path?.(layer);
      const from = path === undefined ? this.#bytes(layer, signal) : { ...layer, path };
      const reading = await crew.read(from, this.#nameOf(layer), signal);
      if (reading === undefined) return;
      layerBytes += layer.size;
      for (const { baseName, path } of reading.whole) await taker.adopt(baseName, path);
      databases.set(layer.digest, reading.database);
      await this.#memory.learn(layer.digest, reading.facts);
    });
    return layerBytes;
  }

  #toRead(wants: (baseName: string) => boolean): Descriptor[] {
    const merged = new MergedDatabase();
    return this.#layers.filter(({ digest }) => {
      const facts = this.#memory.of(digest);
      const isWanted = facts === undefined || merged.wants(facts) || facts.stores.some(wants);
      if (facts !== undefined) merged.pass(facts);
      return isWanted;
    });
  }

  /** Reads a layer to its last byte, which proves it. */
  async #read(
    layer: Descriptor,
    signal: AbortSignal,
    options: ReadLayerOptions,
  ): Promise<LayerFacts> {
    let whole = false;
    const bytes = this.#bytes(layer, signal, () => whole = true);
    const facts = await readLayer(bytes, this.#nameOf(layer), options);
    if (whole) return facts;
    throw new VerificationError(
      `Cannot use the layer ${layer.digest} of "${this.#source.name}": something follows its end`,
      { side: "source" },
    );
  }

  /** The bytes of a layer; whoever comes to their end has them proven. */
  async *#bytes(
    layer: Descriptor,
    signal: AbortSignal,
    onEnd = () => {},
  ): AsyncGenerator<Uint8Array> {
    const source = this.#source.read(layer, 0, signal);
    for await (const piece of verified(layer, source, { name: this.#source.name })) {
      signal.throwIfAborted();
      yield piece;
    }
    onEnd();
  }

  #nameOf(layer: Descriptor): string {
    return `${this.#source.name} ${layer.digest}`;
  }
}

/** Whether a path, or a folder above it, is hidden; a folder whose contents alone are hidden is noted with a slash after it. */
function isHidden(hidden: ReadonlySet<string>, path: string): boolean {
  if (hidden.size === 0) return false;
  if (hidden.has(path)) return true;
  for (let end = path.indexOf("/"); end > 0; end = path.indexOf("/", end + 1)) {
    if (hidden.has(path.slice(0, end)) || hidden.has(path.slice(0, end + 1))) return true;
  }
  return false;
}
