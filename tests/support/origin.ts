/**
 * An HTTP/1.1 server that misbehaves on request: late, short, wrong, closed, stalled, rate-limited, forgetful of ranges, with
 * signed redirects that wear out. It speaks to the socket itself, since no honest server can be made to cut a body short.
 *
 * Invariants: without faults it serves ranges, validators and conditions as RFC 9110 says; every request is in the log
 * with what was really sent; disposing of it ends all of its connections.
 *
 * @module
 */
import { sha256 } from "../../lib/base/digest.ts";

/** How one answer goes wrong; each is used once, in order. */
export interface OriginFault {
  /** Another status, with an empty or the given body. */
  status?: number;
  /** Headers of the answer, added or put in place of others; an empty text leaves a header out. */
  headers?: Record<string, string>;
  /** Another body, with its own length. */
  body?: string | Uint8Array;
  /** Waits so long before it answers, in milliseconds. */
  delayMs?: number;
  /** Closes the connection instead of answering. */
  close?: boolean;
  /** Closes the connection after so many bytes of the body. */
  cutAfter?: number;
  /** Sends no more after so many bytes of the body, and keeps the connection open. */
  stallAfter?: number;
  /** No Content-Length: the end of the connection is the end of the body. */
  withoutLength?: boolean;
  /** Only for requests whose Range begins at this byte. */
  atByte?: number;
}

/** One file of the origin. */
export interface OriginFile {
  /** Its bytes; a range of them is sent when asked for. */
  body: Uint8Array;
  /** Its validator; `null` for none. @default {a strong one made of the body} */
  etag?: string | null;
  /** Its date. */
  lastModified?: string;
  /** Headers of every answer. */
  headers?: Record<string, string>;
  /**
   * What becomes of Range: obeyed, ignored (200), begun too early, of another length in all, compressed, less than asked for, more
   * than it says. @default {"honour"}
   */
  ranges?: "honour" | "ignore" | "early" | "total" | "encoded" | "short" | "long";
  /** The most bytes of a range where less than asked for is sent. @default {1_000_000} */
  shortBytes?: number;
  /** Whether If-Range is obeyed for ETags too, or only for dates. @default {"honour"} */
  ifRange?: "honour" | "dates";
  /** The rate of each connection. */
  bytesPerSecond?: number;
  /** What the Authorization header must be; otherwise 401. */
  authorization?: string;
  /** The next answers. */
  faults?: OriginFault[];
  /** Called with each request before it is answered, and waited for. */
  before?: (request: OriginRequest) => Promise<void> | void;
  /** Answers with a redirect to a signed URL that is good for so many requests. */
  signedUses?: number;
  /** What a signed URL answers when it is not good. @default {403} */
  unsignedStatus?: number;
  /** Answers with a redirect to this URL. */
  redirect?: string;
}

/** One request that came. */
export interface OriginRequest {
  /** The method. */
  method: string;
  /** The path with its query. */
  path: string;
  /** The headers, names in lower case. */
  headers: Headers;
  /** The status of the answer, 0 when there was none. */
  status: number;
  /** The bytes of the body that were sent. */
  sentBytes: number;
}

/** A server on a free port of loopback. */
export class Origin implements AsyncDisposable {
  /** The files by their path; change them at will. */
  readonly files: Map<string, OriginFile>;
  /** All requests, in their order. */
  readonly requests: OriginRequest[] = [];
  #listener: Deno.TcpListener;
  #connections = new Map<Deno.TcpConn, Promise<void>>();
  #done: Promise<void>;
  /** How many requests each signed URL is still good for. */
  #usesLeft: number[] = [];
  #stop = new AbortController();

  /** Listens at once. */
  constructor(files: Record<string, OriginFile>) {
    this.files = new Map(Object.entries(files));
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#done = this.#accept();
  }

  /** The URL of a path. */
  url(path: string): string {
    return `http://127.0.0.1:${this.#listener.addr.port}${path}`;
  }

  /** The bytes of bodies sent so far. */
  get sentBytes(): number {
    return this.requests.reduce((sum, request) => sum + request.sentBytes, 0);
  }

  /** Ends every connection and the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#listener.close();
    for (const connection of this.#connections.keys()) closeQuietly(connection);
    await this.#done;
    await Promise.all(this.#connections.values());
  }

  async #accept(): Promise<void> {
    try {
      for await (const connection of this.#listener) {
        const served = this.#serve(connection).catch(() => undefined).finally(() => {
          closeQuietly(connection);
          this.#connections.delete(connection);
        });
        this.#connections.set(connection, served);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    connection.setNoDelay(true);
    const head = new HeadReader(connection);
    for (let text = await head.next(); text !== undefined; text = await head.next()) {
      const keep = await this.#answer(connection, text);
      if (!keep) return;
    }
  }

  async #answer(connection: Deno.TcpConn, head: string): Promise<boolean> {
    const [first, ...lines] = head.split("\r\n");
    const [method = "", path = ""] = first!.split(" ");
    const headers = new Headers(
      lines.filter((line) => line !== "").map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon), line.slice(colon + 1).trim()] as [string, string];
      }),
    );
    const request: OriginRequest = { method, path, headers, status: 0, sentBytes: 0 };
    this.requests.push(request);
    await this.#held(this.files.get(path.split("?")[0]!)?.before?.(request));
    const answer = this.#reply(request);
    const fault = answer.fault ?? {};
    if (fault.delayMs !== undefined) await this.#wait(fault.delayMs);
    if (fault.close) return false;
    request.status = answer.status;
    await writeAll(connection, new TextEncoder().encode(headOf(answer)));
    if (method === "HEAD") return true;
    const cut = Math.min(answer.body.byteLength, fault.cutAfter ?? fault.stallAfter ?? Infinity);
    await this.#sendBody(connection, request, answer.body.subarray(0, cut), answer.bytesPerSecond);
    if (fault.stallAfter !== undefined) await this.#wait(60_000);
    return fault.cutAfter === undefined && fault.stallAfter === undefined && !fault.withoutLength;
  }

  async #sendBody(
    connection: Deno.TcpConn,
    request: OriginRequest,
    body: Uint8Array,
    bytesPerSecond: number | undefined,
  ): Promise<void> {
    const pieceBytes = bytesPerSecond === undefined
      ? 256 * 1024
      : Math.max(1024, Math.ceil(bytesPerSecond / 50));
    const started = performance.now();
    for (let offset = 0; offset < body.byteLength; offset += pieceBytes) {
      const piece = body.subarray(offset, offset + pieceBytes);
      await writeAll(connection, piece);
      request.sentBytes += piece.byteLength;
      if (bytesPerSecond !== undefined) {
        const dueMs = request.sentBytes / bytesPerSecond * 1000;
        await this.#wait(Math.max(0, dueMs - (performance.now() - started)));
      }
    }
  }

  #reply(request: OriginRequest): Reply {
    const [path, query = ""] = request.path.split("?");
    const file = this.files.get(path!);
    if (file === undefined) return plain(404, "no such file\n");
    const fault = takeFault(file, request);
    const reply = this.#rightReply(request, path!, query, file);
    if (fault === undefined) return reply;
    const body = fault.body === undefined
      ? (fault.status === undefined ? reply.body : new Uint8Array())
      : typeof fault.body === "string"
      ? new TextEncoder().encode(fault.body)
      : fault.body;
    const headers = fault.status === undefined && fault.body === undefined ? reply.headers : {};
    return {
      ...reply,
      status: fault.status ?? (fault.body === undefined ? reply.status : 200),
      headers: { ...headers, ...fault.headers },
      body,
      fault,
    };
  }

  #rightReply(request: OriginRequest, path: string, query: string, file: OriginFile): Reply {
    if (
      file.authorization !== undefined &&
      request.headers.get("authorization") !== file.authorization
    ) return plain(401, "who are you\n");
    if (file.redirect !== undefined) return redirectTo(file.redirect);
    const signed = /(?:^|&)number=(\d+)/.exec(query);
    if (file.signedUses !== undefined && signed === null) {
      const number = this.#usesLeft.push(file.signedUses) - 1;
      return redirectTo(`${path}?signature=a%2Fb%20c&number=${number}`);
    }
    if (signed !== null && this.#usesLeft[Number(signed[1])]!-- <= 0) {
      return plain(file.unsignedStatus ?? 403, "request has expired\n");
    }
    return fileReply(request, file);
  }

  async #held(until: Promise<void> | void): Promise<void> {
    if (until === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stop.signal.addEventListener("abort", () => resolve(), { once: true });
    await Promise.race([until, promise]);
  }

  async #wait(ms: number): Promise<void> {
    if (ms <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#stop.signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
  }
}

/** Starts an origin with these files, by path. */
export function startOrigin(files: Record<string, OriginFile>): Origin {
  return new Origin(files);
}

interface Reply {
  status: number;
  headers: Record<string, string>;
  body: Uint8Array;
  fault?: OriginFault;
  bytesPerSecond?: number;
}

function fileReply(request: OriginRequest, file: OriginFile): Reply {
  const etag = file.etag === undefined ? strongEtag(file.body) : file.etag;
  const headers: Record<string, string> = {
    "content-type": "application/octet-stream",
    ...(file.ranges === "ignore" ? {} : { "accept-ranges": "bytes" }),
    ...(etag === null ? {} : { etag }),
    ...(file.lastModified === undefined ? {} : { "last-modified": file.lastModified }),
    ...file.headers,
  };
  const rate = file.bytesPerSecond === undefined ? {} : { bytesPerSecond: file.bytesPerSecond };
  if (isUnchanged(request, etag, file)) {
    return { status: 304, headers, body: new Uint8Array(), ...rate };
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
  const total = file.body.byteLength;
  if (range === null || file.ranges === "ignore" || !ifRangeHolds(request, etag, file)) {
    return { status: 200, headers, body: file.body, ...rate };
  }
  const start = Number(range[1]);
  const end = range[2] === "" ? total - 1 : Math.min(total - 1, Number(range[2]));
  if (start >= total) {
    return {
      status: 416,
      headers: { "content-range": `bytes */${total}` },
      body: new Uint8Array(),
      ...rate,
    };
  }
  const last = file.ranges === "short"
    ? Math.min(end, start + (file.shortBytes ?? 1_000_000) - 1)
    : end;
  const from = file.ranges === "early" ? Math.max(0, start - 1) : start;
  const all = file.ranges === "total" ? total + 1 : total;
  return {
    status: 206,
    headers: {
      ...headers,
      "content-range": `bytes ${from}-${last}/${all}`,
      ...(file.ranges === "encoded" ? { "content-encoding": "gzip" } : {}),
    },
    body: file.body.subarray(from, last + 1 + (file.ranges === "long" ? 5000 : 0)),
    ...rate,
  };
}

function isUnchanged(request: OriginRequest, etag: string | null, file: OriginFile): boolean {
  const match = request.headers.get("if-none-match");
  if (match !== null) {
    const weak = (text: string) => text.trim().replace(/^W\//, "");
    return etag !== null && match.split(",").some((each) => weak(each) === weak(etag));
  }
  const since = request.headers.get("if-modified-since");
  return since !== null && since === file.lastModified;
}

function ifRangeHolds(request: OriginRequest, etag: string | null, file: OriginFile): boolean {
  const condition = request.headers.get("if-range");
  if (condition === null) return true;
  if (!/^(W\/)?"/.test(condition)) return condition === file.lastModified;
  return file.ifRange !== "dates" && condition === etag && !condition.startsWith("W/");
}

function takeFault(file: OriginFile, request: OriginRequest): OriginFault | undefined {
  const start = Number(/^bytes=(\d+)-/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
  const at = file.faults?.findIndex((fault) =>
    fault.atByte === undefined || fault.atByte === start
  );
  return at === undefined || at < 0 ? undefined : file.faults?.splice(at, 1)[0];
}

function headOf(reply: Reply): string {
  const headers: Record<string, string> = { ...reply.headers };
  if (!reply.fault?.withoutLength) headers["content-length"] ??= String(reply.body.byteLength);
  else headers["connection"] = "close";
  const lines = Object.entries(headers).filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${reply.status} Status\r\n${lines.join("")}\r\n`;
}

function plain(status: number, text: string): Reply {
  return {
    status,
    headers: { "content-type": "text/plain" },
    body: new TextEncoder().encode(text),
  };
}

function redirectTo(location: string): Reply {
  return { status: 302, headers: { location }, body: new Uint8Array() };
}

const etags = new WeakMap<Uint8Array, string>();

function strongEtag(body: Uint8Array): string {
  const known = etags.get(body);
  if (known !== undefined) return known;
  const etag = `"${sha256(body).slice(7, 23)}"`;
  etags.set(body, etag);
  return etag;
}

/** Reads request heads off a connection; what follows a head is kept for the next. */
class HeadReader {
  #connection: Deno.TcpConn;
  #rest = "";

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  async next(): Promise<string | undefined> {
    const buffer = new Uint8Array(16 * 1024);
    for (;;) {
      const end = this.#rest.indexOf("\r\n\r\n");
      if (end >= 0) {
        const head = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 4);
        return head;
      }
      const count = await this.#connection.read(buffer);
      if (count === null) return undefined;
      this.#rest += new TextDecoder("latin1").decode(buffer.subarray(0, count));
    }
  }
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < bytes.byteLength) offset += await connection.write(bytes.subarray(offset));
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
