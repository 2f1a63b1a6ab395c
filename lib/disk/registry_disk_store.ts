import { delay } from "@std/async";
import { counted } from "../base/counted.ts";
import type { Digest } from "../base/digest.ts";
import { KedgeError, UnreachableError, VerificationError } from "../base/errors.ts";
import type { Meter, ObjectMeter } from "../base/meter.ts";
import type { DiskBlob } from "../chunk/disk_manifest.ts";
import { bufferFor } from "../chunk/write_chunks.ts";
import { retryDelayMs } from "../http/retry_policy.ts";
import { recallMount, rememberMount } from "../oci/memory.ts";
import { type Manifest, parseManifest } from "../oci/manifest.ts";
import { readBlob } from "../oci/registry/read_blob.ts";
import { formatReference, type RegistryReference } from "../oci/reference.ts";
import type { BlobPart } from "../oci/registry/registry_blobs.ts";
import type { RegistryClient } from "../oci/registry/registry_client.ts";
import { verified } from "../oci/verified.ts";
import type { DiskSource, DiskStore, ReadOptions } from "./disk_store.ts";
import { once, piecesOf } from "./pieces_of.ts";
import { RangeFiller } from "./range_filler.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A disk in a repository of a registry. */
export class RegistryDiskStore implements DiskStore {
  readonly name: string;
  readonly requestsPerRead = 1;
  readonly requestsPerPut = 2;
  readonly reference: RegistryReference;
  readonly client: RegistryClient;
  #meter: Meter;
  #signal: AbortSignal;
  #filler: RangeFiller;

  constructor(
    reference: RegistryReference,
    client: RegistryClient,
    options: { meter: Meter; signal: AbortSignal; stallMs?: number },
  ) {
    this.reference = reference;
    this.name = formatReference(reference);
    this.client = client;
    this.#meter = options.meter;
    this.#signal = options.signal;
    this.#filler = new RangeFiller(options.stallMs);
  }

  get repository(): { host: string; name: string } {
    return { host: this.client.host.host, name: this.client.repository };
  }

  async resolve(): Promise<Manifest | undefined> {
    const manifest = await this.client.manifest(this.#target);
    return manifest === "unchanged" ? undefined : manifest;
  }

  async pointer(): Promise<Digest | undefined> {
    return (await this.client.headManifest(this.#target))?.digest;
  }

  async range(
    blob: DiskBlob,
    start: number,
    end: number,
    { signal, buffer, onBytes = () => {} }: ReadOptions,
  ): Promise<Bytes> {
    const bytes = bufferFor(end - start, buffer);
    let at = 0;
    for (let failures = 0;;) {
      signal.throwIfAborted();
      const before = at;
      let part: BlobPart;
      try {
        part = await this.client.getRange(blob, start + at, end - 1, signal);
      } catch (error) {
        signal.throwIfAborted();
        // A request is tried again by who sends it; what fails here is no matter of the connection.
        throw this.#lacking(blob, error);
      }
      let failure: unknown = new Error("the body ended early");
      try {
        await this.#filler.fill(part.body, bytes.subarray(at, at + part.size), (count) => {
          at += count;
          onBytes(count);
        });
        if (at === bytes.length) return bytes;
        if (at === before + part.size) {
          failures = 0;
          continue;
        }
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof KedgeError) throw this.#lacking(blob, error);
        failure = error;
      }
      failures = at > before ? 1 : failures + 1;
      await this.#wait(blob, failures, failure, signal);
    }
  }

  /** All bytes of a blob from `start` on. */
  async *stream(blob: DiskBlob, signal: AbortSignal, start = 0): AsyncGenerator<Uint8Array> {
    const { retry } = this.client.host;
    try {
      yield* readBlob(this.client, blob, {
        start,
        retry,
        signal: this.#any(signal),
        meter: this.#meter,
      });
    } catch (error) {
      throw this.#lacking(blob, error);
    }
  }

  async has(blob: DiskBlob): Promise<boolean> {
    const there = await this.client.head(blob.digest);
    return there !== undefined && (there.size ?? blob.size) === blob.size;
  }

  foresee(): void {}

  async put(blob: DiskBlob, content: string | Uint8Array, progress: ObjectMeter): Promise<void> {
    const body = (start: number) =>
      typeof content === "string" ? piecesOf(content, start) : once(content, start);
    await this.#send(blob, body, progress);
  }

  async putStream(
    blob: DiskBlob,
    body: () => AsyncIterable<Uint8Array>,
    progress: ObjectMeter,
  ): Promise<void> {
    await this.#send(blob, () => verified(blob, body(), { name: this.name }), progress);
  }

  /** A repository that was never asked to lend may refuse. */
  borrows({ repository: lent }: DiskSource): boolean {
    const { host, name, repository } = this.client;
    if (lent?.host !== host.host) return false;
    return lent.name === repository || recallMount(host.memory, lent.name, name);
  }

  async adopt(blob: DiskBlob, from: DiskSource): Promise<boolean> {
    const { repository: lent } = from;
    const { host, name, repository } = this.client;
    if (lent?.host !== host.host) return false;
    if (lent.name === repository) return await this.has(blob);
    const mounted = await this.client.mount(blob.digest, lent.name);
    rememberMount(host.memory, lent.name, name, mounted === true);
    if (mounted === true) return true;
    // The bytes take the long way, through the upload that the registry opened instead, where it did.
    using progress = this.#meter.object(blob.digest, blob.size);
    const body = () => verified(blob, from.stream(blob, this.#signal), { name: from.name });
    await this.#send(blob, body, progress, mounted);
    return true;
  }

  async commit(bytes: Bytes): Promise<void> {
    await this.client.putManifest(this.#target, parseManifest(bytes, { name: this.name }));
  }

  [Symbol.dispose](): void {
    this.client.host[Symbol.dispose]();
  }

  async #send(
    blob: DiskBlob,
    body: (start: number) => AsyncIterable<Uint8Array>,
    progress: ObjectMeter,
    location?: URL,
  ): Promise<void> {
    await this.client.putBlob(blob, body, {
      ...(location === undefined ? {} : { session: { location, offset: 0 } }),
      signal: this.#signal,
      meter: this.#meter,
      onSent: (bytes) => progress.moved(bytes),
      onRestart: (bytes) => progress.restarted(bytes),
    });
  }

  get #target(): string {
    return this.reference.digest ?? this.reference.tag ?? "latest";
  }

  /** What a failure to read a blob is: that the registry has lost it, or a part of it, or the failure itself. */
  #lacking({ digest, size }: DiskBlob, error: unknown): unknown {
    if (!(error instanceof KedgeError)) return error;
    const { status, sizeBytes } = error.data;
    if (status !== 404 && sizeBytes === undefined) return error;
    const what = status === 404
      ? digest
      : `a part of ${digest}: it has ${sizeBytes} of ${size} bytes`;
    return new VerificationError(`Cannot read "${this.name}": the registry has lost ${what}`, {
      side: "source",
      hint: "push the disk again with --paranoid, which sends what is lost",
      cause: error,
    });
  }

  #any(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#signal]);
  }

  async #wait(
    blob: DiskBlob,
    failures: number,
    failure: unknown,
    signal: AbortSignal,
  ): Promise<void> {
    const state = (failure as Error).message;
    const { retry } = this.client.host;
    if (failures > retry.retries) {
      throw new UnreachableError(
        `Cannot get a part of ${blob.digest} from "${this.client.name}": ${state}, ` +
          `tried ${counted(failures, "time")}`,
        { cause: failure, side: "source" },
      );
    }
    this.#meter.note(`${blob.digest}: ${state}; asking again`, "warning");
    await delay(retryDelayMs(retry, failures - 1, undefined, Math.random), { signal });
  }
}
