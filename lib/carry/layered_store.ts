/**
 * The Nix store in the layers of an image, read without any container.
 *
 * Invariants: what a layer says of itself counts once its last byte was hashed; a fault that is found in a layer is told only after its bytes
 * were found to be the right ones, and wrong bytes of a mirror are read elsewhere; what an upper layer has or hides counts, whatever the
 * layers below say, unless a path is proven whole by its hash; a layer that is known to hold nothing that is wanted is not read.
 *
 * @module
 */
import type { Digest } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import { inParallel } from "../base/in_parallel.ts";
import type { Meter } from "../base/meter.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { ImageSource } from "../oci/image_store.ts";
import { verified } from "../oci/verified.ts";
import { DatabaseFiles, type ImageStore } from "./database_files.ts";
import { LayerCrew } from "./layer_crew.ts";
import type { LayerFacts, LayerMemory } from "./layer_memory.ts";
import { LayerStream } from "./layer_stream.ts";
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
  readonly #meter: Pick<Meter, "note">;

  /** Takes the layers as the manifest names them, the lowest first; the meter is told what is read elsewhere. */
  constructor(
    source: ImageSource,
    layers: readonly Descriptor[],
    { memory, meter }: { memory: LayerMemory; meter: Pick<Meter, "note"> },
  ) {
    this.#source = source;
    this.#layers = layers.toReversed();
    this.#memory = memory;
    this.#meter = meter;
  }

  /** Reads the database; the rest of the layers is not looked at yet. */
  async survey(work: string, signal: AbortSignal): Promise<ImageStore> {
    for (;;) {
      const begun: Descriptor[] = [];
      let open: LayerStream | undefined;
      const openLayer = (layer: Descriptor) => this.#open(layer, signal);
      const layers = this.#layers.map((layer) => ({
        name: this.#nameOf(layer),
        facts: this.#memory.of(layer.digest),
        async *bytes() {
          await open?.[Symbol.asyncDispose]();
          open = openLayer(layer);
          begun.push(layer);
          yield* open.read();
        },
      }));
      try {
        const image = await surveyDatabase(work, layers);
        if (image !== undefined) return image;
      } catch (cause) {
        await this.#turnElsewhere(begun, cause, signal, open);
        continue;
      } finally {
        await open?.[Symbol.asyncDispose]();
      }
      throw noDatabase(this.#source.name);
    }
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
        await using stream = this.#open(layer, signal);
        try {
          facts = await this.#read(stream, {
            taker,
            database: files,
            isHidden: (path) => isHidden(hidden, path),
          });
        } catch (cause) {
          await this.#turnElsewhere([layer], cause, signal, stream);
          // What was written of the wrong bytes is not to be added to.
          return { links: [], layerBytes, isStale: true };
        }
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
      await using stream = this.#open(layer, signal);
      const from = path === undefined ? stream.read() : { ...layer, path };
      const reading = await crew.read(from, this.#nameOf(layer), signal).catch((cause) =>
        this.#turnElsewhere([layer], cause, signal, stream)
      );
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
  async #read(stream: LayerStream, options: ReadLayerOptions): Promise<LayerFacts> {
    const { layer } = stream;
    const facts = await readLayer(stream.read(), this.#nameOf(layer), options);
    if (stream.isWhole) return facts;
    throw new VerificationError(
      `Cannot use the layer ${layer.digest} of "${this.#source.name}": something follows its end`,
      { side: "source" },
    );
  }

  #open(layer: Descriptor, signal: AbortSignal): LayerStream {
    return new LayerStream(layer, this.#bytes(layer, signal));
  }

  /** The bytes of a layer; whoever comes to their end has them proven. */
  async *#bytes(layer: Descriptor, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    const source = this.#source.read(layer, 0, signal);
    for await (const piece of verified(layer, source, { name: this.#source.name })) {
      signal.throwIfAborted();
      yield piece;
    }
  }

  /**
   * Looks whether wrong bytes of a layer are behind a fault, and has them read elsewhere from then on. What is still open is read on for that.
   *
   * @throws the fault itself where all bytes are right; that they are wrong where there is nowhere else to read them
   */
  async #turnElsewhere(
    layers: readonly Descriptor[],
    fault: unknown,
    signal: AbortSignal,
    open?: LayerStream,
  ): Promise<undefined> {
    if (!(fault instanceof VerificationError)) throw fault;
    for (const layer of layers) {
      const wrong = fault.data["expected"] === layer.digest
        ? fault
        : await wrongBytes(open?.layer === layer ? open : this.#open(layer, signal));
      if (wrong === undefined) continue;
      if (!this.#source.distrust?.(layer)) throw wrong;
      this.#meter.note(`${wrong.message}; fetching it elsewhere`, "warning");
      return;
    }
    throw fault;
  }

  #nameOf(layer: Descriptor): string {
    return `${this.#source.name} ${layer.digest}`;
  }
}

/** What is wrong with the bytes of a layer, whatever they hold. */
async function wrongBytes(stream: LayerStream): Promise<VerificationError | undefined> {
  await using bytes = stream;
  try {
    await bytes.prove();
    return undefined;
  } catch (error) {
    if (error instanceof VerificationError) return error;
    throw error;
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
