/**
 * Puts a blob: a small one in one streamed PUT, a large one in chunks, so that it can be continued in its middle, by this run or a later
 * one, as far as the registry allows; what a registry showed of its habits is remembered.
 *
 * Invariants: bytes are counted as sent once; the last byte goes out only after the digest was found right; a session that is lost, or
 * in disorder, is opened anew; patience is refilled by each chunk that gets further than any before it, also after a start anew, so that a
 * registry that loses every session is given up in the end; an abort lets the chunk in flight arrive, within its grace.
 *
 * @module
 */
import { delay } from "@std/async";
import { counted } from "../../base/counted.ts";
import { KedgeError, UnreachableError, VerificationError } from "../../base/errors.ts";
import { type Meter, silentMeter } from "../../base/meter.ts";
import { bodyStart } from "../../http/body_start.ts";
import {
  defaultRetryPolicy,
  isBusyStatus,
  isTransientStatus,
  parseRetryAfterMs,
  RetryBudget,
} from "../../http/retry_policy.ts";
import type { Descriptor } from "../descriptor.ts";
import { GraceSignal } from "../../base/grace_signal.ts";
import { HashedReader } from "../hashed_reader.ts";
import { ChunkSize } from "./chunk_size.ts";
import { failedRequest, type PushFailure } from "./push_failure.ts";
import type { PushBlobOptions } from "./push_blob_options.ts";
import { chunkBytes, chunkedFromBytes } from "./push_requests.ts";
import type { RegistryHost } from "./registry_host.ts";
import { registryMessage } from "./registry_message.ts";
import { UploadPosition } from "./upload_position.ts";

/** Answers that say that the upload session is lost or in disorder. */
const lostStatuses = [400, 404, 405, 410, 416, 501];
const keptAnswerBytes = 64 * 1024;
const busyStatuses = [408, 429, 500, 502, 503, 504];

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
  #at: UploadPosition;
  /** The most that the registry had of the blob at any time, in bytes. */
  #furthest: number;
  /** How much of the blob was told to be there: what went out, or was there before, and was not lost. */
  #counted: number;
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
    const { name = "the source", session, signal } = options;
    const reader = this.#reader = new HashedReader(descriptor, name, body);
    const large = descriptor.size >= (options.chunkedFromBytes ?? chunkedFromBytes);
    this.#furthest = this.#counted = session?.offset ?? 0;
    this.#at = new UploadPosition({ host, repository, descriptor, reader, large, session, signal });
  }

  async run(): Promise<void> {
    const budget = new RetryBudget(this.#options.retry ?? defaultRetryPolicy);
    for (let tried = 0;;) {
      this.#signal?.throwIfAborted();
      const before = this.#furthest;
      const failure = await this.#try();
      if (failure === undefined) return;
      this.#takeBack();
      this.#reached(this.#at.offset);
      if (this.#furthest > before) {
        budget.refill();
        tried = 0;
      }
      tried += failure.tried ?? 1;
      const waitMs = budget.next(failure);
      if (waitMs === undefined) {
        throw new UnreachableError(
          `Cannot push ${this.#descriptor.digest} to "${this.#host.host}/${this.#repository}": ` +
            `${failure.state}, tried ${counted(tried, "time")}`,
          { cause: failure.cause, ...this.#side() },
        );
      }
      this.#meter.note(
        `push of ${this.#descriptor.digest}: ${failure.state}; ` +
          (this.#at.location === undefined
            ? "beginning anew"
            : `going on from byte ${this.#at.offset}`),
        "warning",
      );
      await delay(waitMs, this.#signal === undefined ? {} : { signal: this.#signal });
    }
  }

  /** Tells that what went out beyond where the upload is goes out again. */
  #takeBack(): void {
    const lost = this.#counted - this.#at.offset;
    if (lost <= 0) return;
    this.#counted = this.#at.offset;
    this.#options.onRestart?.(lost);
  }

  #reached(offset: number): void {
    if (offset <= this.#furthest) return;
    this.#furthest = offset;
    this.#refusals = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#at[Symbol.dispose]();
    await this.#reader[Symbol.asyncDispose]();
  }

  /** One try from where the upload stands; what it gives, if anything, is why there must be another. */
  async #try(): Promise<PushFailure | undefined> {
    try {
      await this.#at.open();
      const { size } = this.#descriptor;
      if (!this.#at.chunked) return await this.#send("PUT", this.#at.offset, size);
      while (this.#at.offset < size) {
        this.#signal?.throwIfAborted();
        const failure = await this.#chunk();
        if (failure !== undefined) return failure;
        if (this.#at.offset < size) await this.#at.prove();
      }
      return await this.#send("PUT", size, size);
    } catch (error) {
      this.#signal?.throwIfAborted();
      // What the registry has is wrong: nothing that is right can follow it, in a later run either.
      if (error instanceof VerificationError) {
        await this.#at.abandon().catch(() => undefined);
        this.#takeBack();
      }
      if (!(error instanceof UnreachableError) || error.side !== this.#host.side) throw error;
      await this.#at.catchUp();
      return failedRequest(error);
    }
  }

  async #chunk(): Promise<PushFailure | undefined> {
    const { chunkBytes: wanted = chunkBytes } = this.#options;
    const size = ChunkSize.with(this.#host).of(wanted, this.#host.habits.minChunkBytes);
    const start = this.#at.offset;
    return await this.#send("PATCH", start, Math.min(start + size, this.#descriptor.size));
  }

  /** Sends the bytes from `start` to `end` and judges the answer. */
  async #send(
    method: "PUT" | "PATCH",
    start: number,
    end: number,
  ): Promise<PushFailure | undefined> {
    const url = new URL(this.#at.location!);
    if (method === "PUT") url.searchParams.set("digest", this.#descriptor.digest);
    using grace = new GraceSignal(
      this.#signal,
      method === "PATCH" ? this.#options.graceMs ?? 10_000 : 0,
    );
    const response = await this.#host.upload(this.#repository, url, {
      method,
      sizeBytes: end - start,
      body: () => {
        this.#takeBack();
        return this.#reader.window(start, end);
      },
      headers: {
        "content-type": "application/octet-stream",
        ...(method === "PATCH" ? { "content-range": `${start}-${end - 1}` } : {}),
      },
      accept: [...lostStatuses, ...busyStatuses],
      action: "push the blob",
      onSent: (bytes) => {
        this.#counted += bytes;
        this.#options.onSent?.(bytes);
      },
      signal: grace.signal,
    });
    const text = await bodyStart(response, keptAnswerBytes);
    if (!response.ok) return await this.#refused(response, text, method);
    if (method === "PUT") this.#at.done();
    else {
      this.#at.arrived(response, url, end);
      this.#takeBack();
      this.#reached(this.#at.offset);
    }
    return undefined;
  }

  async #refused(response: Response, text: string, method: string): Promise<PushFailure> {
    const { status } = response;
    const message = registryMessage(text);
    const state = `the registry answered ${status}${message === "" ? "" : ` (${message})`}`;
    const noChunks = method === "PATCH" && this.#at.offset === 0 &&
      (status === 405 || status === 501 || /UNSUPPORTED/.test(text));
    const scrambled = method === "PUT" && this.#at.chunked && /DIGEST_INVALID/.test(text);
    if (noChunks || scrambled) {
      this.#meter.note(`${this.#host.host} takes no chunks; sending whole blobs from now on`);
      this.#host.learn({ chunks: false });
      await this.#at.abandon();
      return { state };
    }
    if (isTransientStatus(status)) {
      await this.#at.catchUp();
      const askedMs = parseRetryAfterMs(response.headers.get("retry-after"), Date.now());
      return { state, isBusy: isBusyStatus(status), askedMs };
    }
    if (++this.#refusals > 2) {
      throw new KedgeError(
        `Cannot push ${this.#descriptor.digest} to "${this.#host.host}/${this.#repository}": ${state}`,
        { data: { status }, ...this.#side() },
      );
    }
    await (status === 416 ? this.#at.catchUpRefused() : this.#at.anew());
    return { state };
  }

  #side(): { side?: "source" | "destination" } {
    return this.#host.side === undefined ? {} : { side: this.#host.side };
  }
}
