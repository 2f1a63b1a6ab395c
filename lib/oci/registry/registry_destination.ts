import type { Digest } from "../../base/digest.ts";
import { VerificationError } from "../../base/errors.ts";
import { type Meter, silentMeter } from "../../base/meter.ts";
import type { Descriptor } from "../descriptor.ts";
import type {
  BlobTransfer,
  ImageDestination,
  ImageSource,
  ListedReferrers,
  TransferCost,
} from "../image_store.ts";
import { type LeftUpload, LeftUploads } from "./left_uploads.ts";
import type { LocalBlobs } from "../local_blobs.ts";
import type { LocalFiles } from "../local_files.ts";
import type { Manifest } from "../manifest.ts";
import { isManifestType } from "../media_type.ts";
import type { Limit } from "../../http/pace.ts";
import { recallMount, rememberMount } from "../memory.ts";
import { pushRequests } from "./push_requests.ts";
import { formatReference, type RegistryReference } from "../reference.ts";
import { RegistryClient } from "./registry_client.ts";
import type { RegistryHost } from "./registry_host.ts";

/** What a {@linkcode RegistryDestination} works with. */
export interface RegistryDestinationOptions {
  /** Told of what is noteworthy. */
  meter?: Meter | undefined;
  /** Where on this machine a blob may be. */
  local?: LocalBlobs | undefined;
}

/** Writes an image to a registry. */
export class RegistryDestination implements ImageDestination {
  readonly name: string;
  /** The repository that is written. */
  readonly client: RegistryClient;
  readonly complete = true;
  readonly requestsPerManifest = 1;
  readonly damaged: Set<Digest> = new Set();
  #reference: RegistryReference;
  #meter: Meter;
  #local: LocalBlobs | undefined;
  #files: LocalFiles | undefined;
  #described: Descriptor | undefined;
  #lent: boolean | undefined;
  #refuses = false;
  #uploads: LeftUploads;

  /** Connects to nothing yet. */
  constructor(
    reference: RegistryReference,
    host: RegistryHost,
    options: RegistryDestinationOptions = {},
  ) {
    this.name = formatReference(reference);
    this.client = new RegistryClient(host, reference.repository, "pull,push");
    this.#uploads = new LeftUploads(this.client);
    this.#reference = reference;
    this.#meter = options.meter ?? silentMeter;
    this.#local = options.local;
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

  async tagged(tag: string): Promise<Digest | undefined> {
    return (await this.client.headManifest(tag))?.digest;
  }

  standing(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async manifest(digest?: Digest): Promise<Manifest | undefined> {
    const manifest = await this.client.manifest(digest ?? this.#target);
    return manifest === "unchanged" ? undefined : manifest;
  }

  async has(descriptor: Descriptor, manifest: boolean): Promise<boolean> {
    if (manifest) return (await this.client.headManifest(descriptor.digest)) !== undefined;
    const { digest, size } = descriptor;
    const there = await this.client.toldOf(digest);
    if (there === undefined) return false;
    // A size that is not told is none that is wrong.
    if ((there.size ?? size) === size) return true;
    this.#meter.note(
      `${this.name} has ${there.size} bytes of ${digest} instead of ${size}`,
      "warning",
    );
    this.damaged.add(digest);
    return false;
  }

  async isSound(descriptor: Descriptor, signal: AbortSignal): Promise<boolean> {
    if (isManifestType(descriptor.mediaType)) return await this.#hasSoundManifest(descriptor);
    const { isSoundBlob } = await import("./is_sound_blob.ts");
    const sound = await isSoundBlob(this.client, descriptor, { signal, meter: this.#meter });
    if (!sound) this.damaged.add(descriptor.digest);
    return sound;
  }

  async #hasSoundManifest({ digest }: Descriptor): Promise<boolean> {
    try {
      return await this.client.manifest(digest) !== undefined;
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error;
      this.#meter.note(`${this.name} has damaged bytes of ${digest}`, "warning");
      return false;
    }
  }

  async cost(descriptor: Descriptor, source: ImageSource): Promise<TransferCost> {
    const bound = this.mounts(source);
    const mounting = bound ? await this.client.planMount(source.repository!.name) : 0;
    if (bound && this.#lends(source)) {
      return { requests: mounting, reusedBytes: descriptor.size, diskBytes: 0 };
    }
    const session = bound ? undefined : await this.#uploads.of(descriptor);
    const { habits, resumeProof } = this.client.host;
    const sending = pushRequests(descriptor.size, habits, resumeProof, session?.offset);
    const nearby = await (await this.#near(source))?.find(descriptor, source) !== undefined;
    const reading = nearby ? 0 : await source.requestsPerRead(descriptor);
    // A mount that is refused opens no upload.
    const requests = sending + reading + mounting;
    return { requests, reusedBytes: session?.offset ?? 0, nearby, diskBytes: 0, bound };
  }

  mounts(source: ImageSource): boolean {
    const { repository } = source;
    return !this.#refuses && repository?.host === this.client.host.host &&
      repository.name !== this.client.repository;
  }

  async put(transfer: BlobTransfer): Promise<void> {
    const { descriptor, source, progress } = transfer;
    let session = this.mounts(source) ? undefined : await this.#uploads.take(descriptor);
    if (source.repository !== undefined && this.mounts(source)) {
      const mounted = await this.client.mount(descriptor.digest, source.repository.name);
      this.#noteLending(source, mounted === true);
      if (mounted === true) {
        progress.reused(descriptor.size);
        return;
      }
      if (mounted === undefined) this.#refuses = true;
      session = mounted && { location: mounted, offset: 0 };
    }
    const files = await this.#near(source);
    const path = await files?.find(descriptor, source);
    if (files !== undefined && path !== undefined) {
      try {
        return await this.#send(transfer, session, path, (start) => {
          return files.read(path, descriptor, start);
        });
      } catch (error) {
        if (!files.passOver(path, descriptor, error)) throw error;
        progress.restarted();
        session = undefined;
      }
    }
    await source.spool?.(descriptor, transfer.signal);
    // A chunk in flight may arrive after an abort: what it reads from a file must not end before it.
    const streamed = source.path === undefined && source.spool === undefined;
    const reading = streamed ? transfer.signal : new AbortController().signal;
    await this.#send(transfer, session, source.name, (start) => {
      return source.read(descriptor, start, reading);
    });
  }

  async #send(
    { descriptor, progress, signal }: BlobTransfer,
    session: LeftUpload | undefined,
    name: string,
    body: (start: number) => AsyncIterable<Uint8Array>,
  ): Promise<void> {
    if (session !== undefined) progress.reused(session.offset);
    await this.client.putBlob(descriptor, body, {
      name,
      session,
      signal,
      meter: this.#meter,
      onSent: (bytes) => progress.moved(bytes),
      onRestart: (bytes) => progress.restarted(bytes),
    });
  }

  /** The files of this machine, where the source is none of them. */
  async #near(source: ImageSource): Promise<LocalFiles | undefined> {
    if (this.#local === undefined || source.path !== undefined) return undefined;
    const { LocalFiles } = await import("../local_files.ts");
    return this.#files ??= new LocalFiles(this.#local, this.#meter);
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

  async putManifest(manifest: Manifest, tags: readonly string[] = []): Promise<void> {
    for (const reference of tags.length === 0 ? [manifest.digest] : tags) {
      await this.client.putManifest(reference, manifest);
    }
  }

  async listedReferrers(
    ...asked: Parameters<RegistryClient["referrers"]["listed"]>
  ): Promise<ListedReferrers | undefined> {
    return await this.client.referrers.listed(...asked);
  }

  async commit(root: Manifest): Promise<void> {
    await this.client.putManifest(this.#target, root);
  }

  [Symbol.dispose](): void {
    this.client.host[Symbol.dispose]();
  }

  get limit(): Limit {
    return this.client.host.pace;
  }

  get #target(): string {
    return this.#reference.tag ?? this.#reference.digest ?? "latest";
  }
}
