import type { Digest } from "../base/digest.ts";
import { KedgeError } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import { wordSimilaritySort } from "@std/text";
import type { Descriptor } from "./descriptor.ts";
import type { ImageSource, RangedDownload } from "./image_store.ts";
import type { Manifest } from "./manifest.ts";
import type { Limit } from "./pace.ts";
import { readBlob } from "./read_blob.ts";
import { formatReference, type RegistryReference } from "./reference.ts";
import { RegistryClient } from "./registry_client.ts";
import type { RegistryHost } from "./registry_host.ts";

const mostTagsRead = 2000;

/** Reads an image from a registry. */
export class RegistrySource implements ImageSource {
  readonly name: string;
  /** The repository that is read. */
  readonly client: RegistryClient;
  #reference: RegistryReference;
  #meter: Meter;

  /** Connects to nothing yet. */
  constructor(reference: RegistryReference, host: RegistryHost, meter: Meter) {
    this.name = formatReference(reference);
    this.client = new RegistryClient(host, reference.repository);
    this.#reference = reference;
    this.#meter = meter;
  }

  requestsPerRead(): number {
    return 1;
  }

  async resolve(standing?: Manifest): Promise<Manifest> {
    const { digest } = this.#reference;
    if (digest !== undefined && standing?.digest === digest) return standing;
    const wanted = digest ?? this.#tag;
    const manifest = await this.client.manifest(wanted, { unless: standing?.digest });
    if (manifest === "unchanged" && standing !== undefined) return standing;
    if (manifest === undefined || manifest === "unchanged") throw await this.#missing(wanted);
    return manifest;
  }

  async manifest(descriptor: Descriptor): Promise<Manifest> {
    const manifest = await this.client.manifest(descriptor.digest);
    if (manifest === undefined || manifest === "unchanged") {
      throw new KedgeError(
        `Cannot find the manifest ${descriptor.digest} of "${this.name}": the registry has none`,
        { side: "source" },
      );
    }
    return manifest;
  }

  read(descriptor: Descriptor, start: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return readBlob(this.client, descriptor, { start, signal, meter: this.#meter });
  }

  downloads(digest: Digest): RangedDownload[] {
    return [this.client.download(digest)];
  }

  get repository(): { host: string; name: string } {
    return { host: this.client.host.host, name: this.client.repository };
  }

  async referrers(digest: Digest): Promise<readonly Descriptor[]> {
    return await this.client.referrers(digest);
  }

  /** What the tag points to now; a reference by digest never moves. */
  get now(): (() => Promise<Digest | undefined>) | undefined {
    if (this.#reference.digest !== undefined) return undefined;
    return async () => (await this.client.headManifest(this.#tag))?.digest;
  }

  [Symbol.dispose](): void {
    this.client.host[Symbol.dispose]();
  }

  get limit(): Limit {
    return this.client.host.pace;
  }

  get #tag(): string {
    return this.#reference.tag ?? "latest";
  }

  async #missing(wanted: string): Promise<KedgeError> {
    const message = `Cannot find "${this.name}": the registry has no such ${
      this.#reference.digest === undefined ? "tag" : "digest"
    }`;
    const tags: string[] = [];
    if (this.#reference.digest === undefined) {
      for await (const tag of this.client.tags()) {
        tags.push(tag);
        if (tags.length >= mostTagsRead) break;
      }
    }
    const near = wordSimilaritySort(wanted, tags).slice(0, 3);
    return new KedgeError(message, {
      side: "source",
      ...(near.length === 0 ? {} : { hint: `the nearest tags are ${near.join(", ")}` }),
      data: { reference: this.name },
    });
  }
}
