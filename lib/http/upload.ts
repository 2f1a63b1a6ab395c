/**
 * Sends bodies of any size with a Content-Length, which `fetch` leaves out of streamed bodies and which S3 and strict
 * registries ask for.
 *
 * Invariants: one buffer is in flight at a time, so the memory stays that of one piece; a body that is shorter or longer than
 * it was said to be is an error before the last byte goes out; what its maker throws ends the sending as it is; an answer that
 * comes before the end of the body ends the sending; a connection that takes nothing for a while is given up; proxies of the
 * environment are honoured.
 *
 * @module
 */
import defer * as http from "node:http";
import defer * as https from "node:https";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { KedgeError } from "../base/errors.ts";
import { HttpClient, type HttpClientOptions } from "./client.ts";
import { uploadAgent, type UploadAgentOptions } from "./upload_agent.ts";
import { Watchdog } from "./watchdog.ts";

/** One body to be sent. */
export interface UploadRequest {
  /** The method of the request. @default {"PUT"} */
  method?: string;
  /** Names and values; Content-Length is set from `sizeBytes`. */
  headers?: Record<string, string>;
  /** The exact size of the body, in bytes. */
  sizeBytes: number;
  /** Gives the body, anew for each try; a piece may be reused by its maker once the next one is asked for. */
  body: () => AsyncIterable<Uint8Array>;
  /** Statuses besides 2xx that the caller handles itself. */
  accept?: readonly number[];
  /** What is being done, for messages: `push the blob`. @default {the method} */
  action?: string;
  /** Told of bytes that the connection took. */
  onSent?: (bytes: number) => void;
  /** Told that the body is sent again from its first byte, with how many bytes were in vain. */
  onRestart?: (bytes: number) => void;
  /** Ends this upload. */
  signal?: AbortSignal;
}

/** What an {@linkcode Uploader} is made of. */
export interface UploaderOptions
  extends
    Pick<HttpClientOptions, "meter" | "signal" | "retry" | "side" | "random" | "now">,
    UploadAgentOptions {
  /** How long the connection may take no byte, and the answer may take after the last one, in milliseconds. @default {120_000} */
  stallMs?: number;
}

const longestTimerMs = 2 ** 31 - 1;
const keptAnswerBytes = 64 * 1024;
const bodyless = [101, 204, 205, 304];

/** Sends bodies with retries, each over a connection of its own. */
export class Uploader implements Disposable {
  #options: UploaderOptions;
  #agents = new Map<string, http.Agent>();

  /** Connects to nothing yet. */
  constructor(options: UploaderOptions = {}) {
    this.#options = options;
  }

  /**
   * Sends a body and gives the answer once its status is fine; the answer's body is at hand, cut at 64 KiB.
   *
   * @throws the errors of {@linkcode HttpClient.request}
   * @throws {KedgeError} if the body is not of the size that was said
   * @throws what the maker of the body throws, at once
   */
  async send(url: string | URL, request: UploadRequest): Promise<Response> {
    try {
      return await this.#send(url, request);
    } catch (error) {
      throw error instanceof BodyError ? error.cause : error;
    }
  }

  async #send(url: string | URL, request: UploadRequest): Promise<Response> {
    let sent = 0;
    const client = new HttpClient({
      ...this.#options,
      headersTimeoutMs: longestTimerMs,
      fetch: (target, init) => {
        if (sent > 0) request.onRestart?.(sent);
        sent = 0;
        return this.#sendOnce(new URL(target), init, request, (bytes) => {
          sent += bytes;
          request.onSent?.(bytes);
        });
      },
    });
    return await client.request(url, {
      method: request.method ?? "PUT",
      headers: { ...request.headers, "content-length": String(request.sizeBytes) },
      body: "",
      ...(request.accept === undefined ? {} : { accept: request.accept }),
      ...(request.action === undefined ? {} : { action: request.action }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
  }

  /** Closes the connections. */
  [Symbol.dispose](): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  async #sendOnce(
    url: URL,
    init: RequestInit,
    request: UploadRequest,
    onSent: (bytes: number) => void,
  ): Promise<Response> {
    const hasBody = init.body !== undefined;
    const headers = Object.fromEntries(new Headers(init.headers));
    if (!hasBody) delete headers["content-length"];
    const options: RequestOptions = {
      method: init.method ?? "PUT",
      headers,
      agent: this.#agent(url),
    };
    init.signal?.throwIfAborted();
    const outgoing = (url.protocol === "https:" ? https : http).request(url, options);
    const abort = Promise.withResolvers<never>();
    // An aborted connection does not always call back: whatever waits for it waits for the abort too.
    const aborted = abort.promise;
    aborted.catch(() => undefined);
    const watchdog = new Watchdog(this.#options.stallMs ?? 120_000, (verdict) => {
      outgoing.destroy(verdict);
      abort.reject(verdict);
    });
    const stop = () => {
      outgoing.destroy(init.signal?.reason);
      abort.reject(init.signal?.reason);
    };
    init.signal?.addEventListener("abort", stop, { once: true });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once("response", resolve);
      outgoing.once("error", reject);
    });
    // The sending may fail first; the failure is then thrown there.
    answered.catch(() => undefined);
    let whole = true;
    try {
      if (hasBody) {
        const settled = Promise.race([answered, aborted]);
        settled.catch(() => undefined);
        whole = await this.#sendBody(outgoing, settled, request, watchdog, onSent);
      } else outgoing.end();
      const incoming = await Promise.race([answered, aborted]);
      const body = await Promise.race([readAnswer(incoming, watchdog), aborted]);
      // A connection on which the rest of a body is missing is of no further use.
      if (!whole) outgoing.destroy();
      return toResponse(incoming, body);
    } catch (error) {
      outgoing.destroy();
      throw watchdog.verdict ?? error;
    } finally {
      watchdog.stop();
      init.signal?.removeEventListener("abort", stop);
    }
  }

  /** Sends the body; `false` if the answer came before its end. */
  async #sendBody(
    outgoing: ClientRequest,
    answered: Promise<IncomingMessage>,
    request: UploadRequest,
    watchdog: Watchdog,
    onSent: (bytes: number) => void,
  ): Promise<boolean> {
    let early = false;
    const failed = answered.then(() => {
      early = true;
    });
    // Between two pieces nobody waits for it.
    failed.catch(() => undefined);
    let left = request.sizeBytes;
    for await (const piece of made(request.body())) {
      left -= piece.byteLength;
      if (left < 0) break;
      await Promise.race([write(outgoing, piece), failed]);
      if (early) break;
      watchdog.touch();
      onSent(piece.byteLength);
    }
    if (early) return false;
    if (left !== 0) {
      throw new KedgeError(
        `Cannot ${request.action ?? "send"} a body of ${request.sizeBytes} bytes: it has ${
          left < 0 ? "more" : `only ${request.sizeBytes - left}`
        }`,
      );
    }
    outgoing.end();
    return true;
  }

  #agent(url: URL): http.Agent {
    const standing = this.#agents.get(url.origin);
    if (standing !== undefined) return standing;
    const agent = uploadAgent(url, this.#options);
    this.#agents.set(url.origin, agent);
    return agent;
  }
}

/** What the maker of a body threw: no connection is at fault, and no other try mends it. */
class BodyError extends KedgeError {}

async function* made(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    throw cause instanceof KedgeError ? cause : new BodyError("Cannot make the body", { cause });
  }
}

function write(outgoing: ClientRequest, piece: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    outgoing.write(piece, (error) => error ? reject(error) : resolve());
  });
}

async function readAnswer(
  incoming: IncomingMessage,
  watchdog: Watchdog,
): Promise<Uint8Array<ArrayBuffer>> {
  const kept = new Uint8Array(keptAnswerBytes);
  let size = 0;
  for await (const piece of incoming as AsyncIterable<Uint8Array>) {
    watchdog.touch();
    const part = piece.subarray(0, keptAnswerBytes - size);
    kept.set(part, size);
    size += part.byteLength;
  }
  return kept.slice(0, size);
}

function toResponse(incoming: IncomingMessage, body: Uint8Array<ArrayBuffer>): Response {
  const headers = new Headers();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!);
  }
  const status = incoming.statusCode ?? 0;
  return new Response(bodyless.includes(status) ? null : body, { status, headers });
}
