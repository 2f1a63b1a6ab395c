import type { Digest } from "../base/digest.ts";
import type { Meter } from "../base/meter.ts";
import type { Descriptor } from "./descriptor.ts";
import type { BlobTransfer, ImageDestination, ImageSource } from "./image_store.ts";
import type { Manifest } from "./manifest.ts";
import { formatReference, type RegistryReference } from "./reference.ts";
import { RegistryClient } from "./registry_client.ts";
import type { RegistryHost } from "./registry_host.ts";
import { RegistrySource } from "./registry_source.ts";
import { verified } from "./verified.ts";

/** Writes an image to a registry. */
export class RegistryDestination implements ImageDestination {
  readonly name: string;
  /** The repository that is written. */
  readonly client: RegistryClient;
  readonly complete = true;
  readonly requestsPerManifest = 1;
  #reference: RegistryReference;
  #meter: Meter;

  /** Connects to nothing yet. */
  constructor(reference: RegistryReference, host: RegistryHost, meter: Meter) {
    this.name = formatReference(reference);
    this.client = new RegistryClient(host, reference.repository, "pull,push");
    this.#reference = reference;
    this.#meter = meter;
  }

  async pointer(): Promise<Digest | undefined> {
    return (await this.client.headManifest(this.#target))?.digest;
  }

  standing(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async has(descriptor: Descriptor, manifest: boolean): Promise<boolean> {
    if (manifest) return (await this.client.headManifest(descriptor.digest)) !== undefined;
    return (await this.client.head(descriptor.digest)) !== undefined;
  }

  requestsPerPut(descriptor: Descriptor, source: ImageSource): Promise<number> {
    return Promise.resolve(this.mounts(source) ? 1 : 2 + source.requestsPerRead(descriptor));
  }

  partialBytes(): Promise<number> {
    return Promise.resolve(0);
  }

  mounts(source: ImageSource): boolean {
    return source instanceof RegistrySource && source.client.host.host === this.client.host.host &&
      source.client.repository !== this.client.repository;
  }

  async put({ descriptor, source, progress, signal }: BlobTransfer): Promise<void> {
    let location: URL | undefined;
    if (source instanceof RegistrySource && this.mounts(source)) {
      const mounted = await this.client.mount(descriptor.digest, source.client.repository);
      if (mounted === true) {
        progress.reused(descriptor.size);
        return;
      }
      location = mounted;
    }
    await this.client.putBlob(
      descriptor,
      () => verified(descriptor, source.read(descriptor, 0, signal), { name: source.name }),
      {
        location,
        signal,
        meter: this.#meter,
        onSent: (bytes) => progress.moved(bytes),
        onRestart: () => progress.restarted(),
      },
    );
  }

  async putManifest(manifest: Manifest): Promise<void> {
    await this.client.putManifest(manifest.digest, manifest);
  }

  async commit(root: Manifest): Promise<void> {
    await this.client.putManifest(this.#target, root);
  }

  [Symbol.dispose](): void {
    this.client.host[Symbol.dispose]();
  }

  get #target(): string {
    return this.#reference.digest ?? this.#reference.tag ?? "latest";
  }
}
