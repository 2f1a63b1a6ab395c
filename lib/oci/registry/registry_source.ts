import type { Digest } from "../../base/digest.ts";
import { KedgeError, StoppedError, TimedOutError } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import { missingManifestHint } from "../checked_manifest.ts";
import type { Descriptor } from "../descriptor.ts";
import type { ImageSource, RangedDownload } from "../image_store.ts";
import type { Manifest } from "../manifest.ts";
import type { Limit } from "../../http/pace.ts";
import { formatReference, type RegistryReference } from "../reference.ts";
import { imagesAmong } from "../referrers.ts";
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
    const manifest = await this.lookUp(standing);
    if (manifest === undefined) throw await this.#missing(this.#wanted);
    return manifest;
  }

  /** A HEAD: registries that count pulls do not count it. */
  async peek(): Promise<Digest | undefined> {
    return this.#reference.digest ?? (await this.client.headManifest(this.#tag))?.digest;
  }

  /** A GET under the condition that it is not what is there. */
  async look({ digest }: Descriptor): Promise<Digest | Manifest | undefined> {
    if (this.isPinned && digest === this.#wanted) return digest;
    const manifest = await this.client.manifest(this.#wanted, { unless: digest });
    return manifest === "unchanged" ? digest : manifest;
  }

  /** The manifest that the name points to, if there is one. */
  async lookUp(standing?: Manifest): Promise<Manifest | undefined> {
    if (this.isPinned && standing?.digest === this.#wanted) return standing;
    const manifest = await this.client.manifest(this.#wanted, { unless: standing?.digest });
    return manifest === "unchanged" ? standing : manifest;
  }

  /** Whether the reference says a digest. */
  get isPinned(): boolean {
    return this.#reference.digest !== undefined;
  }

  async manifest(descriptor: Descriptor): Promise<Manifest> {
    const manifest = await this.client.manifest(descriptor.digest);
    if (manifest === undefined || manifest === "unchanged") {
      throw new KedgeError(
        `Cannot find the manifest ${descriptor.digest} of "${this.name}": the registry has none`,
        { side: "source", hint: missingManifestHint, data: { missing: descriptor.digest } },
      );
    }
    return manifest;
  }

  async *read(
    descriptor: Descriptor,
    start: number,
    signal: AbortSignal,
  ): AsyncIterableIterator<Uint8Array> {
    const { readBlob } = await import("./read_blob.ts");
    const { retry } = this.client.host;
    yield* readBlob(this.client, descriptor, { start, signal, retry, meter: this.#meter });
  }

  downloads(digest: Digest): RangedDownload[] {
    return [{ ...this.client.download(digest), retry: this.client.host.retry }];
  }

  get repository(): { host: string; name: string } {
    return { host: this.client.host.host, name: this.client.repository };
  }

  async referrers(digest: Digest): Promise<readonly Descriptor[]> {
    return await this.client.referrers.of(digest);
  }

  async tagged(tag: string): Promise<Manifest | undefined> {
    const manifest = await this.client.manifest(tag);
    return manifest === "unchanged" ? undefined : manifest;
  }

  /** What the tag points to now; a reference by digest never moves. */
  get now(): (() => Promise<Digest | undefined>) | undefined {
    if (this.isPinned) return undefined;
    return async () => (await this.client.headManifest(this.#tag))?.digest;
  }

  [Symbol.dispose](): void {
    this.client.host[Symbol.dispose]();
  }

  get limit(): Limit {
    return this.client.host.pace;
  }

  get #wanted(): string {
    return this.#reference.digest ?? this.#tag;
  }

  get #tag(): string {
    return this.#reference.tag ?? "latest";
  }

  async #missing(wanted: string): Promise<KedgeError> {
    const { tag } = this.#reference;
    const what = this.isPinned ? "such digest" : tag === undefined ? 'tag "latest"' : "such tag";
    const message = `Cannot find "${this.name}": the registry has no ${what}`;
    const hint = this.isPinned ? undefined : await this.#nearTags(wanted);
    return new KedgeError(message, {
      side: "source",
      ...(hint === undefined ? {} : { hint }),
      data: { reference: this.name, missing: wanted },
    });
  }

  /** What may have been meant; that the tags cannot be listed is no reason to tell nothing else. */
  async #nearTags(wanted: string): Promise<string> {
    const tags: string[] = [];
    try {
      for await (const tag of this.client.tags()) {
        tags.push(tag);
        if (tags.length >= mostTagsRead) break;
      }
    } catch (error) {
      const stopped = error instanceof StoppedError || error instanceof TimedOutError;
      if (stopped || !(error instanceof KedgeError)) throw error;
      return `which tags are near is not known: ${error.message}`;
    }
    if (tags.length === 0) return "it has no tags of that repository at all";
    const { wordSimilaritySort } = await import("@std/text");
    const near = wordSimilaritySort(wanted, [...imagesAmong(tags, (tag) => tag)]).slice(0, 3);
    return `the nearest tags are ${near.join(", ")}`;
  }
}
