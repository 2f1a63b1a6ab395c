/**
 * Reads a blob from a registry and goes on in its middle after a failure.
 *
 * Invariants: a retry asks for the closed range that is still missing; an answer that has only the beginning of it, and says so, is not a failure; a
 * registry that ignores ranges is read again from the start and what was there already is dropped; a connection that gives nothing for a while is
 * given up; progress refills the patience.
 *
 * @module
 */
import { delay } from "@std/async";
import { counted } from "../../base/counted.ts";
import type { Digest } from "../../base/digest.ts";
import { KedgeError, UnreachableError } from "../../base/errors.ts";
import { LateSignals } from "../../base/late_signals.ts";
import { type Meter, silentMeter } from "../../base/meter.ts";
import { comingBytes, type MinReader } from "../../http/coming_bytes.ts";
import { defaultRetryPolicy, retryDelayMs, type RetryPolicy } from "../../http/retry_policy.ts";
import type { Descriptor } from "../descriptor.ts";
import { RangeRefusedError } from "./range_refused_error.ts";
import type { RegistryClient } from "./registry_client.ts";

/** Options of {@linkcode readBlob}. */
export interface ReadBlobOptions {
  /** The first byte that is wanted. @default {0} */
  start?: number | undefined;
  /** Told of retries. */
  meter?: Meter | undefined;
  /** How often a failure without progress is tried again. */
  retry?: RetryPolicy | undefined;
  /** How long the connection may give nothing, in milliseconds. @default {60_000} */
  stallMs?: number | undefined;
  /** Ends the reading. */
  signal?: AbortSignal | undefined;
}

const bufferBytes = 1024 * 1024;

/**
 * The bytes of a blob, not verified; a piece is reused once the next one is asked for.
 *
 * @throws {UnreachableError} if the registry kept cutting the body
 * @throws {VerificationError} if the registry says that it has fewer or more bytes
 * @throws {KedgeError} if the registry does not have it
 */
export async function* readBlob(
  client: RegistryClient,
  descriptor: Descriptor,
  options: ReadBlobOptions = {},
): AsyncIterableIterator<Uint8Array> {
  const { meter = silentMeter, retry = defaultRetryPolicy, stallMs = 60_000, signal } = options;
  const { digest, size } = descriptor;
  const opener = new BlobOpener(client, descriptor, { meter, signal });
  let position = options.start ?? 0;
  for (let failures = 0;;) {
    signal?.throwIfAborted();
    const before = position;
    const { body, skip, end } = await opener.open(position);
    let failure: unknown;
    try {
      for await (const piece of skipBytes(pieces(body, size, stallMs, signal), skip)) {
        position += piece.byteLength;
        yield piece;
      }
      if (position >= size) return;
      if (position >= end) {
        failures = 0;
        continue;
      }
      failure = new Error(`the body ended after ${position} of ${size} bytes`);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof KedgeError) throw error;
      failure = error;
    }
    failures = position > before ? 1 : failures + 1;
    if (failures > retry.retries) throw keptFailing(client, digest, failures, failure);
    const state = (failure as Error).message;
    meter.note(`${digest}: ${state}; going on at byte ${position}`, "warning");
    const waitMs = retryDelayMs(retry, failures - 1, undefined, Math.random);
    await delay(waitMs, signal === undefined ? {} : { signal });
  }
}

interface OpenedBlob {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** How many of its bytes are not wanted, at its beginning. */
  readonly skip: number;
  /** Where it ends in the blob. */
  readonly end: number;
}

/** Opens a blob from a byte on; from its start, once the registry refused to. */
class BlobOpener {
  readonly #client: RegistryClient;
  readonly #descriptor: Descriptor;
  readonly #meter: Meter;
  readonly #signal: AbortSignal | undefined;
  #hasRanges = true;

  constructor(
    client: RegistryClient,
    descriptor: Descriptor,
    { meter, signal }: { meter: Meter; signal: AbortSignal | undefined },
  ) {
    this.#client = client;
    this.#descriptor = descriptor;
    this.#meter = meter;
    this.#signal = signal;
  }

  async open(position: number): Promise<OpenedBlob> {
    try {
      return await this.#ask(position);
    } catch (error) {
      this.#signal?.throwIfAborted();
      // A request is tried again by who sends it; what fails here is no matter of the connection.
      if (!(error instanceof RangeRefusedError)) throw error;
      const { host: { host } } = this.#client;
      this.#meter.note(
        `${host} gives no ranges; reading ${this.#descriptor.digest} from its start`,
      );
      this.#hasRanges = false;
      return await this.open(position);
    }
  }

  async #ask(position: number): Promise<OpenedBlob> {
    const [client, descriptor, signal] = [this.#client, this.#descriptor, this.#signal];
    const { size } = descriptor;
    if (position === 0 || position >= size || !this.#hasRanges) {
      return { body: await client.get(descriptor, signal), skip: position, end: size };
    }
    const part = await client.getRange(descriptor, position, size - 1, signal);
    return { body: part.body, skip: 0, end: position + part.size };
  }
}

function keptFailing(
  { host: { side }, name }: RegistryClient,
  digest: Digest,
  failures: number,
  cause: unknown,
): UnreachableError {
  const state = (cause as Error).message;
  return new UnreachableError(
    `Cannot get the blob ${digest} from "${name}": ${state}, tried ${counted(failures, "time")}`,
    { cause, ...(side === undefined ? {} : { side }) },
  );
}

/** All but the first bytes. */
async function* skipBytes(
  pieces: AsyncIterable<Uint8Array>,
  count: number,
): AsyncIterableIterator<Uint8Array> {
  let left = count;
  for await (const piece of pieces) {
    const skipped = Math.min(left, piece.byteLength);
    left -= skipped;
    if (skipped < piece.byteLength) yield skipped === 0 ? piece : piece.subarray(skipped);
  }
}

async function* pieces(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  size: number,
  stallMs: number,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<Uint8Array> {
  const reader = body.getReader({ mode: "byob" }) as MinReader;
  let buffer = new ArrayBuffer(Math.max(1024, Math.min(bufferBytes, size)));
  let windowMs = performance.now();
  let windowBytes = 0;
  const late = new LateSignals(stallMs, () => new Error(`nothing came for ${stallMs} ms`));
  const giveUp = () => void reader.cancel().catch(() => undefined);
  // Only while a read is under way: whoever takes the pieces may be slow.
  const read = async (view: Uint8Array<ArrayBuffer>, min: number) => {
    using wait = late.start();
    wait.signal.addEventListener("abort", giveUp, { once: true });
    const piece = await reader.read(view, { min });
    wait.signal.throwIfAborted();
    return piece;
  };
  try {
    for (;;) {
      signal?.throwIfAborted();
      const startedMs = performance.now();
      const min = comingBytes(windowBytes, startedMs - windowMs);
      const { done, value } = await read(new Uint8Array(buffer), min);
      if (startedMs - windowMs > 1000) [windowMs, windowBytes] = [startedMs, 0];
      if (value !== undefined && value.byteLength > 0) {
        windowBytes += value.byteLength;
        yield value;
        buffer = value.buffer;
      }
      if (done) return;
    }
  } finally {
    // The connection may be broken already; what it says of that was said before.
    await reader.cancel().catch(() => undefined);
  }
}
