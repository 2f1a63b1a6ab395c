/**
 * A binary cache behind HTTP: GET, HEAD and PUT.
 *
 * Invariants: nothing is answered from memory, and caches on the way are asked to look anew; a body has a Content-Length; the bytes of
 * a file are hashed while they are sent, and the last of them does not go out if the hash is another.
 *
 * @module
 */
import { Hasher, sameDigest } from "../base/digest.ts";
import { UnreachableError, VerificationError } from "../base/errors.ts";
import type { Meter, ObjectMeter } from "../base/meter.ts";
import { HttpClient, type HttpRequest } from "../http/client.ts";
import { displayUrl } from "../http/display_url.ts";
import type { RetryPolicy } from "../http/retry_policy.ts";
import type { TlsOptions } from "../http/tls_options.ts";
import { Uploader } from "../http/upload.ts";
import type { ObjectFile, ObjectOptions, ObjectReader, ObjectWriter } from "./object_store.ts";

/** What {@linkcode HttpObjects} are made of. */
export interface HttpObjectsOptions {
  /** The cache's URL, without credentials. */
  url: string;
  /** What it is, for people. @default {the URL} */
  shown?: string | undefined;
  /** The Authorization header. */
  authorization?: string | undefined;
  /** For `https`. */
  tls?: TlsOptions | undefined;
  /** How requests are tried again. */
  retry?: RetryPolicy | undefined;
  /** How long a connection may take or give no byte, in milliseconds. @default {120_000} */
  stallMs?: number | undefined;
  /** Signs a request anew for each try; gives the headers to send. */
  sign?:
    | ((request: { url: string; method: string; headers: Headers }) => Promise<Headers>)
    | undefined;
  /** Statuses that mean that an object is not there. @default {[404, 410]} */
  missing?: readonly number[] | undefined;
  /** Told that the server said it is too much. */
  onCongestion?: (() => void) | undefined;
  /** Told of each request. */
  meter: Meter;
  /** Ends every request. */
  signal: AbortSignal;
}

const largestSmallBytes = 4 * 1024 * 1024;
const bufferBytes = 256 * 1024;
const bodyTries = 3;
const congested = [429, 503];

/** The objects of an `http(s)://` binary cache. */
export class HttpObjects implements ObjectReader, ObjectWriter, Disposable {
  readonly url: string;
  readonly local = false;
  readonly requestsEach = 1;
  readonly #base: string;
  readonly #headers: Record<string, string>;
  readonly #client: HttpClient;
  readonly #missing: readonly number[];
  readonly #connections: Deno.HttpClient;
  readonly #uploader: Uploader;
  readonly #signal: AbortSignal;

  /** Connects to nothing yet. */
  constructor(options: HttpObjectsOptions) {
    const { url, authorization, tls, retry, onCongestion, meter, signal, stallMs } = options;
    this.#signal = signal;
    this.#base = url.replace(/\/+$/, "");
    this.url = options.shown ?? displayUrl(this.#base).replace(/\/+$/, "");
    this.#missing = options.missing ?? [404, 410];
    this.#headers = authorization === undefined ? {} : { authorization };
    this.#connections = Deno.createHttpClient({
      poolMaxIdlePerHost: 64,
      ...(tls?.ca === undefined ? {} : { caCerts: [tls.ca] }),
      ...(tls?.cert === undefined || tls.key === undefined ? {} : { cert: tls.cert, key: tls.key }),
    });
    const shared = {
      meter,
      signal,
      side: "destination",
      ...(retry === undefined ? {} : { retry }),
    } as const;
    this.#client = new HttpClient({
      ...shared,
      ...(stallMs === undefined ? {} : { headersTimeoutMs: stallMs }),
      fetch: async (target, init) => {
        const { sign } = options;
        const headers = new Headers(init.headers);
        const method = init.method ?? "GET";
        const response = await fetch(target, {
          ...init,
          headers: sign === undefined ? headers : await sign({ url: target, method, headers }),
          client: this.#connections,
        });
        if (congested.includes(response.status)) onCongestion?.();
        return response;
      },
    });
    this.#uploader = new Uploader({
      ...shared,
      ...(stallMs === undefined ? {} : { stallMs }),
      ...(tls === undefined ? {} : { tls }),
    });
  }

  requestsFor(_size: number): number {
    return 1;
  }

  async get(key: string, options: ObjectOptions = {}): Promise<Uint8Array | undefined> {
    for (let tried = 1;; tried++) {
      const response = await this.#request("GET", key, "read", options);
      if (response === undefined) return undefined;
      try {
        return await this.#whole(response, key);
      } catch (cause) {
        if (cause instanceof VerificationError || this.#signal.aborted || options.signal?.aborted) {
          throw cause;
        }
        if (tried < bodyTries) continue;
        throw new UnreachableError(
          `Cannot read "${this.#shown(key)}": ${(cause as Error).message}, tried ${tried} times`,
          { cause, side: "destination" },
        );
      }
    }
  }

  async #whole(response: Response, key: string): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of response.body ?? []) {
      pieces.push(piece);
      size += piece.length;
      if (size > largestSmallBytes) {
        throw new VerificationError(
          `Cannot read "${this.#shown(key)}": it has more than ${largestSmallBytes} bytes`,
        );
      }
    }
    const whole = new Uint8Array(size);
    let offset = 0;
    for (const piece of pieces) {
      whole.set(piece, offset);
      offset += piece.length;
    }
    return whole;
  }

  async size(key: string, options: ObjectOptions = {}): Promise<number | undefined> {
    const response = await this.#request("HEAD", key, "look for", options);
    await response?.body?.cancel();
    const length = response?.headers.get("content-length");
    if (response === undefined || length !== null && length !== undefined) {
      return response === undefined ? undefined : Number(length);
    }
    // A server that hides the length of what it sends in pieces tells it of a range.
    const ranged = await this.#request("GET", key, "measure", options, { range: "bytes=0-0" });
    await ranged?.body?.cancel();
    const total = /\/(\d+)$/.exec(ranged?.headers.get("content-range") ?? "")?.[1] ??
      (ranged?.status === 200 ? ranged.headers.get("content-length") : null);
    if (total !== null) return Number(total);
    throw new VerificationError(
      `Cannot measure "${this.#shown(key)}": the server does not tell its size`,
    );
  }

  async open(
    key: string,
    options: ObjectOptions = {},
  ): Promise<ReadableStream<Uint8Array> | undefined> {
    const response = await this.#request("GET", key, "read", options);
    return response === undefined ? undefined : response.body ?? new Blob().stream();
  }

  async put(
    key: string,
    bytes: Uint8Array<ArrayBuffer>,
    options: ObjectOptions = {},
  ): Promise<void> {
    const response = await this.send(key, {
      method: "PUT",
      body: bytes,
      action: "write",
      ...options,
    });
    await response.body?.cancel();
  }

  /** Sends a request about an object. */
  protected async send(key: string, request: HttpRequest): Promise<Response> {
    return await this.#client.request(this.#target(key), {
      ...request,
      headers: {
        ...this.#headers,
        ...(request.body === undefined ? {} : { "content-type": typeOf(key) }),
        ...request.headers,
      },
    });
  }

  async putFile(
    key: string,
    file: ObjectFile,
    meter: ObjectMeter,
    options: ObjectOptions = {},
  ): Promise<void> {
    if (file.size <= bufferBytes) {
      const bytes = await Deno.readFile(file.path);
      checkDigest(new Hasher().update(bytes), file);
      await this.put(key, bytes, options);
      meter.moved(bytes.length);
      return;
    }
    const response = await this.#uploader.send(this.#target(key), {
      method: "PUT",
      headers: { ...this.#headers, "content-type": typeOf(key) },
      sizeBytes: file.size,
      body: () => piecesOf(file),
      action: "write",
      onSent: (bytes) => meter.moved(bytes),
      onRestart: () => meter.restarted(),
      ...options,
    });
    await response.body?.cancel();
  }

  /** Closes the connections. */
  [Symbol.dispose](): void {
    this.#uploader[Symbol.dispose]();
    this.#connections.close();
  }

  async #request(
    method: string,
    key: string,
    action: string,
    options: ObjectOptions,
    headers: Record<string, string> = {},
  ): Promise<Response | undefined> {
    const response = await this.send(key, {
      method,
      headers: { "cache-control": "no-cache", pragma: "no-cache", ...headers },
      accept: this.#missing,
      action,
      ...options,
    });
    if (response.ok) return response;
    await response.body?.cancel();
    return undefined;
  }

  #target(key: string): string {
    return /^https?:\/\//.test(key) ? key : `${this.#base}/${key}`;
  }

  #shown(key: string): string {
    return displayUrl(this.#target(key));
  }
}

function typeOf(key: string): string {
  return key.endsWith(".narinfo")
    ? "text/x-nix-narinfo"
    : key === "nix-cache-info"
    ? "text/x-nix-cache-info"
    : "application/x-nix-nar";
}

/** The bytes of a file; the last piece is held back until the hash of all is known to be right. */
async function* piecesOf(file: ObjectFile): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  using input = await Deno.open(file.path, { read: true });
  const hasher = new Hasher();
  let held = new Uint8Array(bufferBytes);
  let next = new Uint8Array(bufferBytes);
  let heldBytes = await input.read(held) ?? 0;
  for (;;) {
    hasher.update(held.subarray(0, heldBytes));
    const count = await input.read(next);
    if (count === null) break;
    yield held.subarray(0, heldBytes);
    [held, next] = [next, held];
    heldBytes = count;
  }
  checkDigest(hasher, file);
  yield held.subarray(0, heldBytes);
}

/** Refuses bytes that are not those of the file. */
export function checkDigest(hasher: Hasher, file: ObjectFile): void {
  if (sameDigest(hasher.digest(), file.digest)) return;
  throw new VerificationError(
    `Cannot send "${file.path}": its bytes have the digest ${hasher.digest()} instead of ${file.digest}`,
    { side: "source", hint: "the cache is damaged; kedge cache:verify finds what is" },
  );
}
