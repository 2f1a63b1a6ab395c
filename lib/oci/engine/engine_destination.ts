/**
 * Brings an image into an engine: podman or docker.
 *
 * An engine takes no single blob, so it fetches the image itself, from a registry of ours on loopback, and asks there for what it lacks.
 *
 * Invariants: the image has its name only once the engine holds all of it under the right digest; which layers it will not ask for is
 * known for certain only of those that it fetched from here before, and a plan names the others, as an upper bound.
 *
 * @module
 */
import type { Digest } from "../../base/digest.ts";
import { KedgeError, VerificationError } from "../../base/errors.ts";
import { type Meter, silentMeter } from "../../base/meter.ts";
import type { StoredImage } from "../../base/stored_image.ts";
import type { Descriptor } from "../descriptor.ts";
import { type EngineReference, formatDestination } from "../engine_reference.ts";
import { EngineLayers } from "./engine_layers.ts";
import type { ImageEngine } from "./image_engine.ts";
import { ImageServer } from "./image_server.ts";
import type {
  ImageDestination,
  ImageSource,
  TakeAllOptions,
  TransferCost,
} from "../image_store.ts";
import type { LocalBlobs } from "../local_blobs.ts";
import { LocalFiles } from "../local_files.ts";
import type { Manifest } from "../manifest.ts";
import { type Memory, noMemory } from "../memory.ts";
import { fixedLimit, type Limit } from "../../http/pace.ts";
import { type ImageConfig, readImageConfig } from "../read_image_config.ts";
import { removeLeftTransits } from "./transit_name.ts";
import { unreachedServer } from "./unreached_server.ts";
import { verified } from "../verified.ts";

/** What an {@linkcode EngineDestination} works with. */
export interface EngineDestinationOptions {
  /** Finds the engine. */
  engine: () => Promise<ImageEngine>;
  /** Where it is kept what the layers of an engine unpack to. */
  memory?: Memory | undefined;
  /** Where on this machine a blob may be. */
  local?: LocalBlobs | undefined;
  /** Told of what is noteworthy. */
  meter?: Meter | undefined;
  /** Ends what the engine is asked. */
  signal?: AbortSignal | undefined;
}

/** The store of an engine. */
export class EngineDestination implements ImageDestination {
  readonly name: string;
  readonly limit: Limit = fixedLimit(16);
  readonly complete = true;
  readonly exact = false;
  readonly requestsPerManifest = 0;
  #target: string;
  #find: () => Promise<ImageEngine>;
  #layers: EngineLayers;
  #signal: AbortSignal;
  #files: LocalFiles | undefined;
  #found: Promise<ImageEngine> | undefined;
  #named: readonly Pick<StoredImage, "names">[] = [];
  #images: readonly StoredImage[] = [];
  #config: ImageConfig | undefined;
  #held: Digest | undefined;
  #transit: string | undefined;

  /** Runs nothing yet. */
  constructor(reference: EngineReference, options: EngineDestinationOptions) {
    this.name = formatDestination(reference);
    this.#target = `${reference.name}:${reference.tag ?? "latest"}`;
    this.#find = options.engine;
    this.#layers = new EngineLayers(options.memory ?? noMemory, reference.transport);
    this.#signal = options.signal ?? new AbortController().signal;
    const { local, meter = silentMeter } = options;
    if (local !== undefined) this.#files = new LocalFiles(local, meter);
  }

  async pointer(): Promise<Digest | undefined> {
    const found = await (await this.#engine()).find(this.#target, this.#signal);
    this.#named = found === undefined ? [] : [found];
    return found?.id;
  }

  /** An engine may know an image by its config instead of its manifest. */
  isRoot(pointer: Digest, root: Manifest): boolean {
    return pointer === root.digest || pointer === root.blobs[0]?.digest;
  }

  tagged(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  standing(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async survey(root: Manifest, source: ImageSource): Promise<void> {
    const [first, ...layers] = root.blobs;
    const config = first &&
      await readImageConfig(first, this.#read(first, source, this.#signal));
    if (config?.diffIds.length !== layers.length) {
      throw new KedgeError(`Cannot copy "${source.name}" to "${this.name}": it is not an image`, {
        side: "source",
        hint:
          "an engine takes images that can run; other artifacts belong in a registry or a layout",
      });
    }
    this.#config = config;
    this.#images = await (await this.#engine()).images(this.#signal);
    this.#layers.note(layers, config.diffIds, this.#images);
    this.#held = this.#images.find(({ id }) => this.isRoot(id, root))?.id;
  }

  async has({ digest }: Descriptor): Promise<boolean> {
    if (this.#held !== undefined) return true;
    if (digest === this.#config?.digest) return false;
    return this.#layers.holds(digest, (await this.#engine()).stacked);
  }

  /** What an engine unpacked cannot be hashed again. */
  isSound(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async cost(descriptor: Descriptor, source: ImageSource): Promise<TransferCost> {
    const read = descriptor.digest === this.#config?.digest;
    const nearby = await this.#files?.find(descriptor, source) !== undefined;
    const requests = read || nearby ? 0 : await source.requestsPerRead(descriptor);
    return { requests, reusedBytes: 0, nearby, diskBytes: 0 };
  }

  mounts(): boolean {
    return false;
  }

  /** Lets the engine fetch the image, under a name that is gone when the commit is over; what it has by another name it need not fetch. */
  async takeAll(root: Manifest, options: TakeAllOptions): Promise<void> {
    if (this.#held !== undefined) return;
    const { source, missing, meter, signal, onBlob } = options;
    const engine = await this.#engine();
    using objects = new DisposableStack();
    const progress = new Map(
      missing.map((each) => [each, objects.use(meter.object(each.digest, each.size))]),
    );
    const served = new Map<Digest, number>();
    await using server = new ImageServer({
      manifest: root,
      read: (blob) => this.#read(blob, source, signal),
      onServed: (blob, bytes) => {
        served.set(blob.digest, (served.get(blob.digest) ?? 0) + bytes);
        const [, taking] = [...progress].find(([each]) => each.digest === blob.digest) ?? [];
        (taking ?? meter).moved(bytes);
      },
    });
    this.#transit = server.reference;
    try {
      await engine.pull(server.reference, signal);
      await this.#checkHeld(server.reference, root, signal);
    } catch (error) {
      await this.#forget();
      signal.throwIfAborted();
      server.check();
      throw server.isAsked ? error : unreachedServer(error, this.name);
    }
    for (const blob of missing) {
      const bytes = served.get(blob.digest) ?? 0;
      if (bytes === 0) progress.get(blob)?.reused(blob.size);
      onBlob?.(blob.digest, bytes);
    }
    this.#layers.remember();
  }

  put(): Promise<void> {
    return Promise.reject(new Error(`"${this.name}" fetches its blobs itself`));
  }

  /** The manifest comes with the image. */
  putManifest(): Promise<void> {
    return Promise.resolve();
  }

  async commit(root: Manifest): Promise<void> {
    const engine = await this.#engine();
    try {
      await engine.tag(this.#transit ?? this.#held ?? root.digest, this.#target, this.#signal);
      if (this.#transit !== undefined) await engine.untag(this.#transit, this.#signal);
      this.#transit = undefined;
    } catch (error) {
      await this.#forget();
      throw error;
    }
    await removeLeftTransits(engine, this.#images, this.#signal);
  }

  async removeLeft(): Promise<void> {
    await removeLeftTransits(await this.#engine(), this.#named, this.#signal);
  }

  [Symbol.dispose](): void {}

  async *#read(
    blob: Descriptor,
    source: ImageSource,
    signal: AbortSignal,
  ): AsyncIterableIterator<Uint8Array> {
    if (blob.digest === this.#config?.digest) {
      yield this.#config.bytes;
      return;
    }
    const path = await this.#files?.sound(blob, source, signal);
    if (path === undefined) {
      yield* verified(blob, source.read(blob, 0, signal), { name: source.name });
    } else yield* verified(blob, this.#files!.read(path, blob, 0), { name: path });
  }

  async #checkHeld(name: string, root: Manifest, signal: AbortSignal): Promise<void> {
    const held = (await (await this.#engine()).find(name, signal))?.id;
    if (held !== undefined && this.isRoot(held, root)) return;
    const state = `the engine holds ${held ?? "nothing"} instead`;
    throw new VerificationError(`Cannot copy ${root.digest} to "${this.name}": ${state}`, {
      side: "destination",
    });
  }

  /** Takes away the name under which the engine fetched the image, if it did: also after an abort, and whatever the engine says. */
  async #forget(): Promise<void> {
    const transit = this.#transit;
    this.#transit = undefined;
    const { signal } = new AbortController();
    if (transit !== undefined) await (await this.#engine()).untag(transit, signal).catch(() => {});
  }

  #engine(): Promise<ImageEngine> {
    return this.#found ??= this.#find();
  }
}
