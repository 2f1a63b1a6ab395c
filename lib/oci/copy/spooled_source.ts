import type { Digest } from "../../base/digest.ts";
import type { Descriptor } from "../descriptor.ts";
import type { ImageSource } from "../image_store.ts";
import type { Manifest } from "../manifest.ts";
import type { Limit } from "../../http/pace.ts";
import { readBlobFile } from "../read_blob_file.ts";
import type { Spool } from "./spool.ts";

/** A source that several destinations read: each manifest is asked for once, and each blob is brought into a spool, and read from there. */
export class SpooledSource implements ImageSource {
  readonly name: string;
  readonly limit: Limit;
  readonly repository?: NonNullable<ImageSource["repository"]>;
  #source: ImageSource;
  #spool: Spool;
  #spoolBytes = 0;
  #resolved: Promise<Manifest> | undefined;
  #manifests = new Map<Digest, Promise<Manifest>>();

  /** Reads nothing yet; the spool is disposed of by who lent it. */
  constructor(source: ImageSource, spool: Spool) {
    this.name = source.name;
    // Each blob is read once for all, so that those who share this do not divide what the registry takes.
    this.limit = {
      get now() {
        return source.limit.now;
      },
      get raised() {
        return source.limit.raised;
      },
    };
    this.#source = source;
    this.#spool = spool;
    if (source.repository !== undefined) this.repository = source.repository;
  }

  get now(): ImageSource["now"] {
    return this.#source.now;
  }

  get spoolBytes(): number {
    return this.#spoolBytes;
  }

  async requestsPerRead(descriptor: Descriptor): Promise<number> {
    const { requests, diskBytes } = await this.#spool.cost(descriptor, this.#source);
    this.#spoolBytes += diskBytes;
    return requests;
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

  async tagged(tag: string): Promise<Manifest | undefined> {
    return await this.#source.tagged(tag);
  }

  async spool(descriptor: Descriptor, signal: AbortSignal): Promise<void> {
    await this.#spool.path(descriptor, this.#source, signal);
  }

  async *read(
    descriptor: Descriptor,
    start: number,
    signal: AbortSignal,
  ): AsyncIterableIterator<Uint8Array> {
    const held = await this.#spool.peek(descriptor, this.#source, signal);
    if (held !== undefined) {
      yield held.subarray(start);
      return;
    }
    const path = await this.#spool.path(descriptor, this.#source, signal);
    yield* readBlobFile(path, { descriptor, name: this.name, start, signal });
  }

  [Symbol.dispose](): void {
    this.#source[Symbol.dispose]();
  }
}
