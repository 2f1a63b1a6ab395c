import { delay } from "@std/async";
import { KedgeError, UnreachableError } from "../base/errors.ts";
import { type Meter, silentMeter } from "../base/meter.ts";
import {
  defaultRetryPolicy,
  isTransientStatus,
  parseRetryAfterMs,
  retryDelayMs,
  type RetryPolicy,
} from "../http/retry_policy.ts";
import type { Descriptor } from "./descriptor.ts";
import { type RegistryHost, registryMessage } from "./registry_host.ts";

/** Options of {@linkcode pushBlob}. */
export interface PushBlobOptions {
  /** An upload that the registry opened already, in answer to a mount. */
  location?: URL | undefined;
  /** Told of bytes that went out. */
  onSent?: ((bytes: number) => void) | undefined;
  /** Told that bytes were sent in vain and are sent again. */
  onRestart?: ((bytes: number) => void) | undefined;
  /** Told of retries. */
  meter?: Meter | undefined;
  /** How often an upload is begun anew. */
  retry?: RetryPolicy | undefined;
  /** Ends the upload. */
  signal?: AbortSignal | undefined;
}

/** Answers that say that the upload session is lost or in disorder: a new one may do. */
const lostSession = [400, 404, 416];

/**
 * Puts a blob: opens an upload, sends all bytes in one streamed PUT. A lost session is opened anew.
 *
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
  const { meter = silentMeter, retry = defaultRetryPolicy, signal } = options;
  const start = new URL(`${repository}/blobs/uploads/`, host.base);
  let location = options.location;
  for (let tried = 1;; tried++) {
    signal?.throwIfAborted();
    let state: string;
    let retryAfterMs: number | undefined;
    let cause: unknown;
    let sent = 0;
    try {
      location ??= await openUpload(host, repository, start, signal);
      const target = new URL(location);
      target.searchParams.set("digest", descriptor.digest);
      const response = await host.upload(repository, target, {
        sizeBytes: descriptor.size,
        body: () => body(0),
        headers: { "content-type": "application/octet-stream" },
        accept: [...lostSession, 408, 429, 500, 502, 503, 504],
        action: "push the blob",
        onSent: (bytes) => {
          sent += bytes;
          options.onSent?.(bytes);
        },
        ...(signal === undefined ? {} : { signal }),
      });
      const text = await response.text();
      if (response.ok) return;
      state = `the registry answered ${response.status} (${registryMessage(text)})`;
      if (!isTransientStatus(response.status) && tried > 2) {
        throw new KedgeError(`Cannot push ${descriptor.digest} to "${host.host}": ${state}`, {
          data: { status: response.status },
        });
      }
      retryAfterMs = parseRetryAfterMs(response.headers.get("retry-after"), Date.now());
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof UnreachableError) || error.side !== host.side) throw error;
      state = error.message;
      cause = error;
    }
    location = undefined;
    if (sent > 0) options.onRestart?.(sent);
    if (tried > retry.retries) {
      throw new UnreachableError(
        `Cannot push ${descriptor.digest} to "${host.host}/${repository}": ${state}, tried ${tried} times`,
        { cause, ...(host.side === undefined ? {} : { side: host.side }) },
      );
    }
    meter.note(`push of ${descriptor.digest}: ${state}; opening a new upload`, "warning");
    await delay(
      retryDelayMs(retry, tried - 1, retryAfterMs, Math.random),
      signal === undefined ? {} : { signal },
    );
  }
}

async function openUpload(
  host: RegistryHost,
  repository: string,
  url: URL,
  signal: AbortSignal | undefined,
): Promise<URL> {
  const response = await host.request(repository, url, {
    method: "POST",
    headers: { "content-length": "0" },
    may: "pull,push",
    action: "open an upload",
    ...(signal === undefined ? {} : { signal }),
  });
  await response.body?.cancel();
  return host.location(response, url);
}
