import { type Digest, Hasher } from "../base/digest.ts";
import type { Meter } from "../base/meter.ts";
import type { Descriptor } from "./descriptor.ts";
import type { BlobTransfer, ImageDestination, ImageSource, TransferCost } from "./image_store.ts";
import type { Manifest } from "./manifest.ts";
import type { Limit } from "./pace.ts";
import { recallMount, recallUpload, rememberMount, type UploadHabits } from "./memory.ts";
import { chunkedFromBytes, pushRequests } from "./push_requests.ts";
import { formatReference, type RegistryReference } from "./reference.ts";
import { RegistryClient } from "./registry_client.ts";
import type { RegistryHost } from "./registry_host.ts";

/** Writes an image to a registry. */
export class RegistryDestination implements ImageDestination {
  readonly name: string;
  /** The repository that is written. */
  readonly client: RegistryClient;
  readonly complete = true;
  readonly requestsPerManifest = 1;
  #reference: RegistryReference;
  #meter: Meter;
  #described: Descriptor | undefined;
  #lent: boolean | undefined;
  #sessions = new Map<Digest, Promise<{ location: URL; offset: number } | undefined>>();

  /** Connects to nothing yet. */
  constructor(reference: RegistryReference, host: RegistryHost, meter: Meter) {
    this.name = formatReference(reference);
    this.client = new RegistryClient(host, reference.repository, "pull,push");
    this.#reference = reference;
    this.#meter = meter;
  }

  async pointer(): Promise<Digest | undefined> {
    const { digest, mediaType, size } = await this.client.headManifest(this.#target) ?? {};
    const told = digest !== undefined && mediaType !== undefined && size !== undefined;
    this.#described = told ? { digest, mediaType, size } : undefined;
    return digest;
  }

  get described(): Descriptor | undefined {
    return this.#described;
  }

  standing(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async has(descriptor: Descriptor, manifest: boolean): Promise<boolean> {
    if (manifest) return (await this.client.headManifest(descriptor.digest)) !== undefined;
    return (await this.client.head(descriptor.digest)) !== undefined;
  }

  async isSound(descriptor: Descriptor, signal: AbortSignal): Promise<boolean> {
    const { readBlob } = await import("./read_blob.ts");
    const hasher = new Hasher();
    for await (const piece of readBlob(this.client, descriptor, { signal, meter: this.#meter })) {
      hasher.update(piece);
    }
    return hasher.digest() === descriptor.digest;
  }

  async cost(descriptor: Descriptor, source: ImageSource): Promise<TransferCost> {
    const bound = this.mounts(source);
    if (bound && this.#lends(source)) {
      return { requests: 1, reusedBytes: descriptor.size, diskBytes: 0 };
    }
    const session = bound ? undefined : await this.#session(descriptor, source);
    const sending = pushRequests(descriptor.size, this.client.host.habits, session?.offset);
    const reading = await source.requestsPerRead(descriptor);
    return { requests: sending + reading, reusedBytes: session?.offset ?? 0, diskBytes: 0, bound };
  }

  mounts(source: ImageSource): boolean {
    const { repository } = source;
    return repository?.host === this.client.host.host && repository.name !== this.client.repository;
  }

  async put({ descriptor, source, progress, signal }: BlobTransfer): Promise<void> {
    let session = await this.#session(descriptor, source);
    if (source.repository !== undefined && this.mounts(source)) {
      const mounted = await this.client.mount(descriptor.digest, source.repository.name);
      this.#noteLending(source, mounted === true);
      if (mounted === true) {
        progress.reused(descriptor.size);
        return;
      }
      session = { location: mounted, offset: 0 };
    }
    if (session !== undefined) progress.reused(session.offset);
    // A chunk in flight may arrive after an abort: what it reads from a file must not end before it.
    const reading = source.path === undefined ? signal : new AbortController().signal;
    await this.client.putBlob(descriptor, (start) => source.read(descriptor, start, reading), {
      name: source.name,
      session,
      signal,
      meter: this.#meter,
      onSent: (bytes) => progress.moved(bytes),
      onRestart: () => progress.restarted(),
    });
  }

  /** Whether the source's repository lent its blobs before; one that was never asked may refuse. */
  #lends(source: ImageSource): boolean {
    const { host, name } = this.client;
    return this.#lent ??= recallMount(host.memory, source.repository!.name, name);
  }

  #noteLending(source: ImageSource, lent: boolean): void {
    if (this.#lends(source) === lent) return;
    const { host, name } = this.client;
    this.#lent = lent;
    rememberMount(host.memory, source.repository!.name, name, lent);
  }

  async putManifest(manifest: Manifest): Promise<void> {
    await this.client.putManifest(manifest.digest, manifest);
  }

  async commit(root: Manifest): Promise<void> {
    await this.client.putManifest(this.#target, root);
  }

  learned(): { host: string; habits: UploadHabits & { atOnce: number } } {
    const { host, habits, pace } = this.client.host;
    return { host, habits: { ...habits, atOnce: pace.whole } };
  }

  [Symbol.dispose](): void {
    this.client.host[Symbol.dispose]();
  }

  /** The upload that an earlier run left in its middle; only what can be read from a file again is gone on with. */
  async #session(
    descriptor: Descriptor,
    source: ImageSource,
  ): Promise<{ location: URL; offset: number } | undefined> {
    const { host } = this.client;
    const large = descriptor.size >= chunkedFromBytes && source.path !== undefined;
    if (!large || !host.habits.chunks || !host.habits.resumes) return undefined;
    const known = this.#sessions.get(descriptor.digest);
    if (known !== undefined) return await known;
    const found = this.#findSession(descriptor);
    this.#sessions.set(descriptor.digest, found);
    return await found;
  }

  async #findSession(
    descriptor: Descriptor,
  ): Promise<{ location: URL; offset: number } | undefined> {
    const { host, repository, name } = this.client;
    const left = recallUpload(host.memory, name, descriptor.digest);
    if (left === undefined) return undefined;
    const { askSession } = await import("./upload_session.ts");
    const state = await askSession(host, repository, new URL(left.location));
    if (state === undefined) return undefined;
    const offset = host.habits.ownCount ? left.offset : state.offset ?? left.offset;
    return offset > 0 && offset <= descriptor.size
      ? { location: state.location, offset }
      : undefined;
  }

  get limit(): Limit {
    return this.client.host.pace;
  }

  get #target(): string {
    return this.#reference.digest ?? this.#reference.tag ?? "latest";
  }
}
