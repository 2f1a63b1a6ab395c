/**
 * Puts a blob: a small one in one streamed PUT, a large one in chunks, so that it can be continued in its middle, by this run or a later
 * one, as far as the registry allows; what a registry showed of its habits is remembered.
 *
 * Invariants: bytes are counted as sent once; the last byte goes out only after the digest was found right; a session that is lost, or
 * in disorder, is opened anew; progress refills the patience; an abort lets the chunk in flight arrive, within its grace.
 *
 * @module
 */
import { delay } from "@std/async";
import { KedgeError, UnreachableError, VerificationError } from "../base/errors.ts";
import { type Meter, silentMeter } from "../base/meter.ts";
import { bodyStart } from "../http/body_start.ts";
import {
  defaultRetryPolicy,
  isTransientStatus,
  parseRetryAfterMs,
  retryDelayMs,
} from "../http/retry_policy.ts";
import type { Descriptor } from "./descriptor.ts";
import { GraceSignal } from "./grace_signal.ts";
import { HashedReader } from "./hashed_reader.ts";
import type { PushBlobOptions } from "./push_blob_options.ts";
import { chunkBytes, chunkedFromBytes } from "./push_requests.ts";
import { rememberUpload, type UploadHabits } from "./memory.ts";
import type { RegistryHost } from "./registry_host.ts";
import { registryMessage } from "./registry_message.ts";
import { askSession, dropSession, openSession, sessionState } from "./upload_session.ts";

/** Answers that say that the upload session is lost or in disorder. */
const lostStatuses = [400, 404, 405, 410, 416, 501];
const keptAnswerBytes = 64 * 1024;
const busyStatuses = [408, 429, 500, 502, 503, 504];

/** How a try ended that has to be followed by another. */
interface Failure {
  readonly state: string;
  readonly cause?: unknown;
  readonly retryAfterMs?: number | undefined;
}

/**
 * Puts a blob.
 *
 * @throws {VerificationError} if its bytes are wrong
 * @throws {UnreachableError} if the registry kept failing
 * @throws {KedgeError} if it refuses the blob
 */
export async function pushBlob(
  host: RegistryHost,
  repository: string,
  descriptor: Descriptor,
  body: (start: number) => AsyncIterable<Uint8Array>,
  options: PushBlobOptions = {},
): Promise<void> {
  await using push = new Push(host, repository, descriptor, body, options);
  await push.run();
}

class Push implements AsyncDisposable {
  #host: RegistryHost;
  #repository: string;
  #descriptor: Descriptor;
  #options: PushBlobOptions;
  #meter: Meter;
  #signal: AbortSignal | undefined;
  #reader: HashedReader;
  #location: URL | undefined;
  #offset = 0;
  #refusals = 0;

  constructor(
    host: RegistryHost,
    repository: string,
    descriptor: Descriptor,
    body: (start: number) => AsyncIterable<Uint8Array>,
    options: PushBlobOptions,
  ) {
    this.#host = host;
    this.#repository = repository;
    this.#descriptor = descriptor;
    this.#options = options;
    this.#meter = options.meter ?? silentMeter;
    this.#signal = options.signal;
    this.#location = options.session?.location;
    this.#offset = options.session?.offset ?? 0;
    this.#reader = new HashedReader(descriptor, options.name ?? "the source", body);
  }

  async run(): Promise<void> {
    const { retry = defaultRetryPolicy } = this.#options;
    for (let failures = 0;;) {
      this.#signal?.throwIfAborted();
      const before = this.#offset;
      const failure = await this.#try();
      if (failure === undefined) return;
      failures = this.#offset > before ? 1 : failures + 1;
      if (failures > retry.retries) {
        throw new UnreachableError(
          `Cannot push ${this.#descriptor.digest} to "${this.#host.host}/${this.#repository}": ` +
            `${failure.state}, tried ${failures} times`,
          { cause: failure.cause, ...this.#side() },
        );
      }
      this.#meter.note(
        `push of ${this.#descriptor.digest}: ${failure.state}; ` +
          (this.#location === undefined ? "beginning anew" : `going on from byte ${this.#offset}`),
        "warning",
      );
      await delay(
        retryDelayMs(retry, failures - 1, failure.retryAfterMs, Math.random),
        this.#signal === undefined ? {} : { signal: this.#signal },
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }

  get #habits(): UploadHabits {
    return this.#host.habits;
  }

  get #chunked(): boolean {
    const from = this.#options.chunkedFromBytes ?? chunkedFromBytes;
    return this.#descriptor.size >= from && this.#habits.chunks;
  }

  /** One try from where the upload stands; what it gives, if anything, is why there must be another. */
  async #try(): Promise<Failure | undefined> {
    try {
      if (this.#location === undefined) {
        const opened = await openSession(this.#host, this.#repository, this.#signal);
        this.#location = opened.location;
        this.#offset = 0;
        if (opened.minChunkBytes > this.#habits.minChunkBytes) {
          this.#host.learn({ minChunkBytes: opened.minChunkBytes });
        }
      }
      if (!this.#chunked) return await this.#send("PUT", this.#offset, this.#descriptor.size);
      this.#remember();
      while (this.#offset < this.#descriptor.size) {
        this.#signal?.throwIfAborted();
        const failure = await this.#chunk();
        if (failure !== undefined) return failure;
      }
      return await this.#send("PUT", this.#descriptor.size, this.#descriptor.size);
    } catch (error) {
      this.#signal?.throwIfAborted();
      // What the registry has is wrong: nothing that is right can follow it, in a later run either.
      if (error instanceof VerificationError) {
        await this.#abandon().catch(() => undefined);
      }
      if (!(error instanceof UnreachableError) || error.side !== this.#host.side) throw error;
      await this.#catchUp();
      return { state: error.message, cause: error };
    }
  }

  async #chunk(): Promise<Failure | undefined> {
    const { chunkBytes: wanted = chunkBytes } = this.#options;
    const size = Math.max(wanted, this.#habits.minChunkBytes);
    return await this.#send(
      "PATCH",
      this.#offset,
      Math.min(this.#offset + size, this.#descriptor.size),
    );
  }

  /** Sends the bytes from `start` to `end` and judges the answer. */
  async #send(method: "PUT" | "PATCH", start: number, end: number): Promise<Failure | undefined> {
    const url = new URL(this.#location!);
    if (method === "PUT") url.searchParams.set("digest", this.#descriptor.digest);
    using grace = new GraceSignal(
      this.#signal,
      method === "PATCH" ? this.#options.graceMs ?? 10_000 : 0,
    );
    const response = await this.#host.upload(this.#repository, url, {
      method,
      sizeBytes: end - start,
      body: () => this.#reader.window(start, end),
      headers: {
        "content-type": "application/octet-stream",
        ...(method === "PATCH" ? { "content-range": `${start}-${end - 1}` } : {}),
      },
      accept: [...lostStatuses, ...busyStatuses],
      action: "push the blob",
      onSent: (bytes) => this.#options.onSent?.(bytes),
      signal: grace.signal,
    });
    const text = await bodyStart(response, keptAnswerBytes);
    if (response.ok && method === "PUT") {
      if (this.#chunked) this.#forget();
      return undefined;
    }
    if (response.ok) {
      this.#arrived(response, url, end);
      return undefined;
    }
    return await this.#refused(response, text, method);
  }

  #arrived(response: Response, url: URL, end: number): void {
    const state = sessionState(this.#host, response, url);
    this.#location = state.location;
    this.#offset = end;
    if (state.offset !== undefined && state.offset !== end && !this.#habits.ownCount) {
      this.#host.learn({ ownCount: true });
    }
    this.#reader.hold();
    this.#remember();
  }

  async #refused(response: Response, text: string, method: string): Promise<Failure> {
    const { status } = response;
    const message = registryMessage(text);
    const state = `the registry answered ${status}${message === "" ? "" : ` (${message})`}`;
    const noChunks = method === "PATCH" && this.#offset === 0 &&
      (status === 405 || status === 501 || /UNSUPPORTED/.test(text));
    const scrambled = method === "PUT" && this.#chunked && /DIGEST_INVALID/.test(text);
    if (noChunks || scrambled) {
      this.#meter.note(`${this.#host.host} takes no chunks; sending whole blobs from now on`);
      this.#host.learn({ chunks: false });
      await this.#abandon();
      return { state };
    }
    if (isTransientStatus(status)) {
      await this.#catchUp();
      const retryAfterMs = parseRetryAfterMs(response.headers.get("retry-after"), Date.now());
      return { state, retryAfterMs };
    }
    if (++this.#refusals > 2) {
      throw new KedgeError(
        `Cannot push ${this.#descriptor.digest} to "${this.#host.host}/${this.#repository}": ${state}`,
        { data: { status }, ...this.#side() },
      );
    }
    if (status === 416 && !this.#habits.ownCount) await this.#catchUp();
    else await this.#anew();
    return { state };
  }

  /** After a failure in the middle: goes on where the registry is, or anew where it does not say. */
  async #catchUp(): Promise<void> {
    await this.#reader.rewind();
    if (!this.#chunked || this.#location === undefined || !this.#habits.resumes) {
      await this.#anew();
      return;
    }
    const before = this.#offset;
    const state = await askSession(this.#host, this.#repository, this.#location, this.#signal);
    if (state === undefined) {
      await this.#anew();
      return;
    }
    this.#location = state.location;
    if (this.#habits.ownCount || state.offset === undefined) return;
    if (state.offset < before || state.offset > this.#descriptor.size) await this.#anew();
    else this.#offset = state.offset;
  }

  async #abandon(): Promise<void> {
    try {
      if (this.#location !== undefined) {
        await dropSession(this.#host, this.#repository, this.#location);
      }
    } finally {
      await this.#anew();
    }
  }

  async #anew(): Promise<void> {
    await this.#reader.rewind();
    if (this.#offset > 0) this.#options.onRestart?.(this.#offset);
    if (this.#chunked) this.#forget();
    this.#location = undefined;
    this.#offset = 0;
  }

  #remember(): void {
    this.#keep({ location: this.#location!.href, offset: this.#offset });
  }

  #forget(): void {
    this.#keep(undefined);
  }

  #keep(state: { location: string; offset: number } | undefined): void {
    const { host, memory } = this.#host;
    rememberUpload(memory, `${host}/${this.#repository}`, this.#descriptor.digest, state);
  }

  #side(): { side?: "source" | "destination" } {
    return this.#host.side === undefined ? {} : { side: this.#host.side };
  }
}
