import type { Digest } from "../base/digest.ts";
import { silentMeter } from "../base/meter.ts";
import type { Descriptor } from "./descriptor.ts";
import type { FileHashers } from "./file_hashers.ts";
import type { ImageSource } from "./image_store.ts";
import { Layout } from "./layout.ts";
import { LayoutIntake } from "./layout_intake.ts";
import { LayoutSource } from "./layout_source.ts";
import type { Manifest } from "./manifest.ts";
import type { Limit } from "./pace.ts";

/**
 * A source that several destinations read: each blob and each manifest is asked for once, into a layout of its own, and read from there.
 */
export class SpooledSource implements ImageSource {
  readonly name: string;
  readonly limit: Limit;
  readonly now: ImageSource["now"];
  #source: ImageSource;
  #layout: Layout;
  #intake: LayoutIntake;
  #files: LayoutSource;
  #resolved: Promise<Manifest> | undefined;
  #manifests = new Map<Digest, Promise<Manifest>>();
  #blobs = new Map<Digest, Promise<void>>();
  #planned = new Set<Digest>();

  /** Reads nothing yet. */
  constructor(source: ImageSource, folder: string, hashers?: FileHashers) {
    this.name = source.name;
    // Each blob is read once for all, so that those who share this do not divide what the registry takes.
    this.limit = {
      get now() {
        return source.limit.now;
      },
    };
    this.#source = source;
    this.#layout = new Layout(folder);
    this.#intake = new LayoutIntake(this.#layout, { hashers });
    this.#files = new LayoutSource({ transport: "oci", folder });
    this.now = source.now;
  }

  /** The first destination that lacks a blob pays for it. */
  async requestsPerRead(descriptor: Descriptor): Promise<number> {
    if (this.#planned.has(descriptor.digest)) return 0;
    this.#planned.add(descriptor.digest);
    return (await this.#intake.cost(descriptor, this.#source)).requests;
  }

  async resolve(): Promise<Manifest> {
    return await (this.#resolved ??= this.#source.resolve());
  }

  async manifest(descriptor: Descriptor): Promise<Manifest> {
    const standing = this.#manifests.get(descriptor.digest) ?? this.#source.manifest(descriptor);
    this.#manifests.set(descriptor.digest, standing);
    return await standing;
  }

  async referrers(digest: Digest): Promise<readonly Descriptor[]> {
    return await this.#source.referrers(digest);
  }

  async *read(
    descriptor: Descriptor,
    start: number,
    signal: AbortSignal,
  ): AsyncIterableIterator<Uint8Array> {
    const fetched = this.#blobs.get(descriptor.digest) ?? this.#fetch(descriptor, signal);
    this.#blobs.set(descriptor.digest, fetched);
    await fetched;
    yield* this.#files.read(descriptor, start, signal);
  }

  [Symbol.dispose](): void {
    this.#intake[Symbol.dispose]();
    this.#source[Symbol.dispose]();
  }

  async #fetch(descriptor: Descriptor, signal: AbortSignal): Promise<void> {
    using progress = silentMeter.object(descriptor.digest, descriptor.size);
    await this.#intake.take({ descriptor, source: this.#source, progress, signal });
  }
}
