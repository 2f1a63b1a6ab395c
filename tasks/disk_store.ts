/**
 * Where a disk's manifest, index and packs lie: a repository of a registry, or a layout. One small interface over both.
 *
 * @module
 */
import { delay } from "@std/async";
import { join } from "@std/path";
import { temporaryName, writeFileAtomic } from "../lib/base/atomic_file.ts";
import { type Digest, sha256 } from "../lib/base/digest.ts";
import { hashFile } from "../lib/base/hash_file.ts";
import { KedgeError, type Side, UnreachableError, VerificationError } from "../lib/base/errors.ts";
import type { Meter, ObjectMeter } from "../lib/base/meter.ts";
import type { DiskBlob } from "../lib/chunk/disk_manifest.ts";
import { bufferFor } from "../lib/chunk/write_chunks.ts";
import { defaultRetryPolicy, retryDelayMs } from "../lib/http/retry_policy.ts";
import { Layout } from "../lib/oci/layout.ts";
import { describeManifest, type Manifest, parseManifest } from "../lib/oci/manifest.ts";
import { openHost, type OpenImageOptions } from "../lib/oci/open_image.ts";
import { RangeRefusedError } from "../lib/oci/range_refused_error.ts";
import { readBlob } from "../lib/oci/read_blob.ts";
import {
  formatReference,
  type ImageReference,
  type LayoutReference,
  type RegistryReference,
} from "../lib/oci/reference.ts";
import { RegistryClient } from "../lib/oci/registry_client.ts";
import { verified } from "../lib/oci/verified.ts";
import type { RegistryHost } from "../lib/oci/registry_host.ts";

/** Reads and writes the blobs and the manifest of one reference. */
export interface DiskStore extends Disposable {
  /** The reference. */
  readonly reference: ImageReference;
  /** The reference, for people. */
  readonly name: string;
  /** Requests that reading a manifest, a blob or a part of one costs. */
  readonly requestsPerRead: number;
  /** Requests that putting a blob costs. */
  readonly requestsPerPut: number;
  /** The manifest that the reference means; `undefined` if there is none. */
  resolve(): Promise<Manifest | undefined>;
  /** The digest that the reference means now; `undefined` if there is none. */
  pointer(): Promise<Digest | undefined>;
  /** The bytes `start` up to, without it, `end` of a blob; not verified. */
  range(blob: DiskBlob, start: number, end: number, options: ReadOptions): Promise<Bytes>;
  /** All bytes of a blob, not verified; a piece is reused once the next one is asked for. */
  stream(blob: DiskBlob, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Whether the blob is there in its full size. */
  has(blob: DiskBlob): Promise<boolean>;
  /** Puts a blob. */
  put(blob: DiskBlob, content: string | Uint8Array, progress: ObjectMeter): Promise<void>;
  /** Puts a blob of which the bytes come from elsewhere, verified on the way. */
  putStream(
    blob: DiskBlob,
    body: () => AsyncIterable<Uint8Array>,
    progress: ObjectMeter,
  ): Promise<void>;
  /** Puts a blob that a store of the same kind has, without its bytes going through here; `false` if that cannot be. */
  adopt(blob: DiskBlob, from: DiskStore): Promise<boolean>;
  /** Makes the reference mean a manifest; all that it points to must be there. */
  commit(manifest: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** How a part of a blob is read. */
export interface ReadOptions {
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** A buffer that may be used for the bytes, where it is large enough. */
  readonly buffer?: ArrayBuffer | undefined;
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Opens the store of a reference; nothing is asked yet. */
export function openDiskStore(
  reference: ImageReference,
  side: Side,
  options: OpenImageOptions & { meter: Meter; signal: AbortSignal },
): DiskStore {
  return reference.transport === "oci"
    ? new LayoutDiskStore(reference, options.signal)
    : new RegistryDiskStore(reference, openHost(reference.host, side, options), options);
}

/** The bytes of a blob, all of them, verified; only for small ones. */
export async function readWhole(
  store: DiskStore,
  blob: DiskBlob,
  most: number,
  signal: AbortSignal,
): Promise<Bytes> {
  if (blob.size > most) {
    throw new VerificationError(
      `Cannot read ${blob.digest} of "${store.name}": it has ${blob.size} bytes, more than ${most}`,
      { side: "source" },
    );
  }
  const bytes = new Uint8Array(blob.size);
  let at = 0;
  for await (const piece of store.stream(blob, signal)) {
    if (at + piece.length > bytes.length) at = bytes.length + 1;
    else bytes.set(piece, at);
    at += piece.length;
    if (at > bytes.length) break;
  }
  if (at === bytes.length && sha256(bytes) === blob.digest) return bytes;
  throw new VerificationError(
    `Cannot use ${blob.digest} of "${store.name}": its bytes are not those of the digest`,
    { side: "source", data: { digest: blob.digest } },
  );
}

const stallMs = 60_000;

class RegistryDiskStore implements DiskStore {
  readonly name: string;
  readonly requestsPerRead = 1;
  readonly requestsPerPut = 2;
  readonly reference: RegistryReference;
  readonly client: RegistryClient;
  #meter: Meter;
  #signal: AbortSignal;

  constructor(
    reference: RegistryReference,
    host: RegistryHost,
    options: { meter: Meter; signal: AbortSignal },
  ) {
    this.reference = reference;
    this.name = formatReference(reference);
    this.client = new RegistryClient(host, reference.repository);
    this.#meter = options.meter;
    this.#signal = options.signal;
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
    { signal, buffer: given }: ReadOptions,
  ): Promise<Bytes> {
    const size = end - start;
    let buffer = bufferFor(size, given).buffer;
    let at = 0;
    for (let failures = 0;;) {
      signal.throwIfAborted();
      const before = at;
      let failure: unknown = new Error("the body ended early");
      const stalled = new AbortController();
      const timer = setTimeout(
        () => stalled.abort(new Error(`nothing came for ${stallMs} ms`)),
        stallMs,
      );
      try {
        const ended = AbortSignal.any([signal, stalled.signal]);
        const body = await this.client.getRange(blob.digest, start + at, end - 1, ended);
        const reader = body.getReader({ mode: "byob" });
        try {
          const { value } = await reader.read(new Uint8Array(buffer, at, size - at), {
            min: size - at,
          });
          if (value !== undefined) {
            buffer = value.buffer;
            at += value.byteLength;
          }
        } finally {
          // The connection may be broken already; what it says of that is in `failure`.
          await reader.cancel().catch(() => undefined);
        }
        if (at === size) return new Uint8Array(buffer, 0, size);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof RangeRefusedError || error instanceof KedgeError) throw error;
        failure = stalled.signal.aborted ? stalled.signal.reason : error;
        // The buffer went to the reader; what it held is read again.
        if (buffer.byteLength === 0) {
          buffer = new ArrayBuffer(size);
          at = 0;
        }
      } finally {
        clearTimeout(timer);
      }
      failures = at > before ? 1 : failures + 1;
      await this.#wait(blob, failures, failure, signal);
    }
  }

  stream(blob: DiskBlob, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return readBlob(this.client, blob, { signal: this.#any(signal), meter: this.#meter });
  }

  async has(blob: DiskBlob): Promise<boolean> {
    return await this.client.head(blob.digest) === blob.size;
  }

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

  async adopt(blob: DiskBlob, from: DiskStore): Promise<boolean> {
    if (!(from instanceof RegistryDiskStore)) return false;
    if (from.client.host.host !== this.client.host.host) return false;
    if (from.client.repository === this.client.repository) return await this.has(blob);
    const mounted = await this.client.mount(blob.digest, from.client.repository);
    if (mounted === true) return true;
    // The registry opened an upload instead; the bytes take the long way, through it.
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
      onRestart: () => progress.restarted(),
    });
  }

  get #target(): string {
    return this.reference.digest ?? this.reference.tag ?? "latest";
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
    if (failures > defaultRetryPolicy.retries) {
      throw new UnreachableError(
        `Cannot get a part of ${blob.digest} from "${this.client.name}": ${state}, ` +
          `tried ${failures} times`,
        { cause: failure, side: "source" },
      );
    }
    this.#meter.note(`${blob.digest}: ${state}; asking again`, "warning");
    await delay(retryDelayMs(defaultRetryPolicy, failures - 1, undefined, Math.random), { signal });
  }
}

class LayoutDiskStore implements DiskStore {
  readonly name: string;
  readonly requestsPerRead = 0;
  readonly requestsPerPut = 0;
  readonly reference: LayoutReference;
  readonly layout: Layout;

  constructor(reference: LayoutReference, signal: AbortSignal) {
    this.reference = reference;
    this.name = formatReference(reference);
    this.layout = new Layout(reference.folder, signal);
  }

  async resolve(): Promise<Manifest | undefined> {
    const { digest } = this.reference;
    if (digest !== undefined) return await this.layout.manifest(digest);
    const entry = await this.layout.find(this.reference.tag);
    if (entry === undefined) return undefined;
    const manifest = await this.layout.manifest(entry.digest, entry.mediaType);
    if (manifest !== undefined) return manifest;
    throw new VerificationError(
      `Cannot read "${this.name}": the layout has no blob ${entry.digest}`,
      { side: "source" },
    );
  }

  async pointer(): Promise<Digest | undefined> {
    return (await this.layout.find(this.reference.tag))?.digest;
  }

  async range(
    blob: DiskBlob,
    start: number,
    end: number,
    { buffer }: ReadOptions,
  ): Promise<Bytes> {
    using file = await this.#open(blob);
    const bytes = bufferFor(end - start, buffer);
    await file.seek(start, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) {
      const count = await file.read(bytes.subarray(at));
      if (count === null) throw this.#damaged(blob);
      at += count;
    }
    return bytes;
  }

  async *stream(blob: DiskBlob): AsyncGenerator<Uint8Array> {
    (await this.#open(blob)).close();
    yield* piecesOf(this.layout.blobPath(blob.digest), 0);
  }

  has(blob: DiskBlob): Promise<boolean> {
    return this.layout.has(blob);
  }

  async put(blob: DiskBlob, content: string | Uint8Array, progress: ObjectMeter): Promise<void> {
    const body = typeof content === "string" ? piecesOf(content, 0) : once(content, 0);
    await this.layout.putBlob(blob, body, (bytes) => progress.moved(bytes));
  }

  async putStream(
    blob: DiskBlob,
    body: () => AsyncIterable<Uint8Array>,
    progress: ObjectMeter,
  ): Promise<void> {
    await this.layout.putBlob(blob, body(), (bytes) => progress.moved(bytes));
  }

  async adopt(blob: DiskBlob, from: DiskStore): Promise<boolean> {
    if (await this.has(blob)) return true;
    if (!(from instanceof LayoutDiskStore)) return false;
    const path = this.layout.blobPath(blob.digest);
    const { digest } = await hashFile(from.layout.blobPath(blob.digest));
    if (digest !== blob.digest) throw from.#damaged(blob);
    await this.layout.make();
    const temporary = temporaryName(join(this.layout.folder, "blobs", "sha256", "adopted"));
    try {
      await Deno.link(from.layout.blobPath(blob.digest), temporary);
    } catch {
      return false; // Another file system: the bytes are copied by whoever asked.
    }
    await Deno.rename(temporary, path);
    return true;
  }

  async commit(bytes: Bytes): Promise<void> {
    const manifest = parseManifest(bytes, { name: this.name });
    await this.layout.make();
    await writeFileAtomic(this.layout.blobPath(manifest.digest), bytes);
    await this.layout.point(this.reference.tag, describeManifest(manifest));
  }

  [Symbol.dispose](): void {}

  async #open(blob: DiskBlob): Promise<Deno.FsFile> {
    try {
      return await Deno.open(this.layout.blobPath(blob.digest));
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      throw this.#damaged(blob, cause);
    }
  }

  #damaged(blob: DiskBlob, cause?: unknown): VerificationError {
    return new VerificationError(
      `Cannot read "${this.name}": the layout has no whole blob ${blob.digest}`,
      { side: "source", cause },
    );
  }
}

async function* piecesOf(path: string, start: number): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path);
  if (start > 0) await file.seek(start, Deno.SeekMode.Start);
  const buffer = new Uint8Array(1024 * 1024);
  for (;;) {
    const count = await file.read(buffer);
    if (count === null) return;
    yield buffer.subarray(0, count);
  }
}

async function* once(bytes: Uint8Array, start: number): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield bytes.subarray(start);
}
