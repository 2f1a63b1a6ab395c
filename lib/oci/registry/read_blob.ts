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
import { KedgeError, UnreachableError } from "../../base/errors.ts";
import { LateSignals } from "../../base/late_signals.ts";
import { type Meter, silentMeter } from "../../base/meter.ts";
import { comingBytes, type MinReader } from "../../http/coming_bytes.ts";
import { defaultRetryPolicy, retryDelayMs, type RetryPolicy } from "../../http/retry_policy.ts";
import type { Descriptor } from "../descriptor.ts";
import { RangeRefusedError } from "./range_refused_error.ts";
import type { BlobPart } from "./registry_blobs.ts";
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
  let position = options.start ?? 0;
  let ranges = true;
  for (let failures = 0;;) {
    signal?.throwIfAborted();
    const before = position;
    const isPart = position > 0 && position < size && ranges;
    let part: BlobPart;
    try {
      part = isPart
        ? await client.getRange(descriptor, position, size - 1, signal)
        : { body: await client.get(descriptor, signal), size };
    } catch (error) {
      signal?.throwIfAborted();
      // A request is tried again by who sends it; what fails here is no matter of the connection.
      if (!(error instanceof RangeRefusedError)) throw error;
      meter.note(`${client.host.host} gives no ranges; reading ${digest} from its start`);
      ranges = false;
      continue;
    }
    const end = isPart ? position + part.size : size;
    let drop = isPart ? 0 : position;
    let failure: unknown;
    try {
      for await (const piece of pieces(part.body, size, stallMs, signal)) {
        const dropped = Math.min(drop, piece.byteLength);
        drop -= dropped;
        if (dropped === piece.byteLength) continue;
        position += piece.byteLength - dropped;
        yield dropped === 0 ? piece : piece.subarray(dropped);
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
    const state = (failure as Error).message;
    if (failures > retry.retries) {
      throw new UnreachableError(
        `Cannot get the blob ${digest} from "${client.name}": ${state}, tried ${
          counted(failures, "time")
        }`,
        {
          cause: failure,
          ...(client.host.side === undefined ? {} : { side: client.host.side }),
        },
      );
    }
    meter.note(`${digest}: ${state}; going on at byte ${position}`, "warning");
    const waitMs = retryDelayMs(retry, failures - 1, undefined, Math.random);
    await delay(waitMs, signal === undefined ? {} : { signal });
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
