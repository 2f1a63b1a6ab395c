/**
 * A binary cache behind HTTP: GET, HEAD and PUT.
 *
 * Invariants: nothing is answered from memory, and caches on the way are asked to look anew; a body has a Content-Length; the bytes of
 * a file are hashed while they are sent, unless this run hashed them already, and the last of them does not go out if the hash is another.
 *
 * @module
 */
import { counted } from "../../base/counted.ts";
import { Hasher } from "../../base/digest.ts";
import { UnreachableError, VerificationError } from "../../base/errors.ts";
import type { ObjectMeter } from "../../base/meter.ts";
import type { HttpRequest } from "../../http/http_request.ts";
import { displayUrl } from "../../http/display_url.ts";
import { readSmallBody } from "../../http/read_small_body.ts";
import { validatorsOf } from "../../http/validators.ts";
import { checkFileDigest } from "./check_file_digest.ts";
import { filePieces } from "./file_pieces.ts";
import { HttpConnection, type HttpConnectionOptions } from "./http_connection.ts";
import type { ObjectFile, ObjectOptions, ObjectReader, ObjectWriter } from "./object_store.ts";
import { type ChangeObject, replaceObject, type StandingObject } from "./replace_object.ts";

/** What {@linkcode HttpObjects} are made of. */
export interface HttpObjectsOptions extends HttpConnectionOptions {
  /** What it is, for people. @default {the URL} */
  shown?: string | undefined;
  /** Statuses that mean that an object is not there. @default {[404, 410]} */
  missing?: readonly number[] | undefined;
}

const atOnceBytes = 256 * 1024;
const mostSmallBytes = 4 * 1024 * 1024;
const bodyTries = 3;
/** What a server says that lets nobody read where it is written. */
const unreadable = [403, 405];
/** What a server says to a condition: that it does not hold, or that it knows none. */
const conditionFailed = [404, 409, 412];
const conditionUnknown = 501;

/** The objects of an `http(s)://` binary cache. */
export class HttpObjects implements ObjectReader, ObjectWriter, Disposable {
  readonly url: string;
  readonly local = false;
  readonly requestsEach = 1;
  readonly #base: string;
  readonly #missing: readonly number[];
  readonly #connection: HttpConnection;
  readonly #signal: AbortSignal;

  /** Connects to nothing yet. */
  constructor(options: HttpObjectsOptions) {
    this.#signal = options.signal;
    this.#base = options.url.replace(/\/+$/, "");
    this.url = options.shown ?? displayUrl(this.#base).replace(/\/+$/, "");
    this.#missing = options.missing ?? [404, 410];
    this.#connection = new HttpConnection(options);
  }

  requestsFor(_size: number): number {
    return 1;
  }

  async get(key: string, options: ObjectOptions = {}): Promise<Uint8Array | undefined> {
    return (await this.#read(key, options))?.bytes;
  }

  async #read(
    key: string,
    options: ObjectOptions,
    missing: readonly number[] = [],
  ): Promise<StandingObject | undefined> {
    for (let tried = 1;; tried++) {
      const response = await this.#request("GET", key, "read", options, { missing });
      if (response === undefined) return undefined;
      try {
        const bytes = await readSmallBody(response, `"${this.#shown(key)}"`, mostSmallBytes);
        return { bytes, tag: validatorsOf(response.headers).etag };
      } catch (cause) {
        if (cause instanceof VerificationError || this.#signal.aborted || options.signal?.aborted) {
          throw cause;
        }
        if (tried < bodyTries) continue;
        throw new UnreachableError(
          `Cannot read "${this.#shown(key)}": ${(cause as Error).message}, tried ${
            counted(tried, "time")
          }`,
          { cause, side: "destination" },
        );
      }
    }
  }

  async size(key: string, options: ObjectOptions = {}): Promise<number | undefined> {
    const response = await this.#request("HEAD", key, "look for", options);
    await response?.body?.cancel();
    const length = response?.headers.get("content-length");
    if (response === undefined || length !== null && length !== undefined) {
      return response === undefined ? undefined : Number(length);
    }
    // A server that hides the length of what it sends in pieces tells it of a range.
    const ranged = await this.#request("GET", key, "measure", options, {
      headers: { range: "bytes=0-0" },
    });
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
    await this.#put(key, bytes, undefined, options);
  }

  async replace(key: string, change: ChangeObject, options: ObjectOptions = {}): Promise<void> {
    await replaceObject({
      shown: this.#shown(key),
      read: () => this.#read(key, options, unreadable),
      write: (bytes, tag) => this.#put(key, bytes, tag, options),
      change,
    });
  }

  /** Writes a small object, if the version of the tag stands; `false` where another one does. */
  async #put(
    key: string,
    bytes: Uint8Array<ArrayBuffer>,
    tag: string | undefined,
    options: ObjectOptions,
  ): Promise<boolean> {
    const response = await this.send(key, {
      method: "PUT",
      body: bytes,
      action: "write",
      ...(tag === undefined
        ? {}
        : { headers: { "if-match": tag }, accept: [...conditionFailed, conditionUnknown] }),
      ...options,
    });
    await response.body?.cancel();
    return response.status === conditionUnknown
      ? await this.#put(key, bytes, undefined, options)
      : response.ok;
  }

  /** Sends a request about an object. */
  protected async send(key: string, request: HttpRequest): Promise<Response> {
    return await this.#connection.request(this.#target(key), {
      ...request,
      headers: {
        ...(request.body === undefined ? {} : { "content-type": typeOf(key) }),
        ...(request.body instanceof Uint8Array ? this.bodyHeaders(request.body) : {}),
        ...request.headers,
      },
    });
  }

  /** What the headers say of a body. */
  protected bodyHeaders(_body: Uint8Array): Record<string, string> {
    return {};
  }

  async putFile(
    key: string,
    file: ObjectFile,
    meter: ObjectMeter,
    options: ObjectOptions = {},
  ): Promise<void> {
    if (file.size <= atOnceBytes) return await this.putWhole(key, file, meter, options);
    await this.#connection.upload(this.#target(key), {
      method: "PUT",
      headers: { "content-type": typeOf(key) },
      sizeBytes: file.size,
      body: () => filePieces(file),
      action: "write",
      onSent: (bytes) => meter.moved(bytes),
      onRestart: () => meter.restarted(),
      ...options,
    });
  }

  /** Writes a file that fits into the memory. */
  protected async putWhole(
    key: string,
    file: ObjectFile,
    meter: ObjectMeter,
    options: ObjectOptions,
  ): Promise<void> {
    const bytes = await Deno.readFile(file.path);
    if (!file.fresh) checkFileDigest(new Hasher().update(bytes), file);
    await this.put(key, bytes, options);
    meter.moved(bytes.length);
  }

  /** Closes the connections. */
  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  async #request(
    method: string,
    key: string,
    action: string,
    options: ObjectOptions,
    more: { headers?: Record<string, string>; missing?: readonly number[] } = {},
  ): Promise<Response | undefined> {
    const response = await this.send(key, {
      method,
      headers: { "cache-control": "no-cache", pragma: "no-cache", ...more.headers },
      accept: [...this.#missing, ...more.missing ?? []],
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
