/**
 * What an origin of the tests answers: its files as RFC 9110 says, and how an answer goes wrong.
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
  /** What ends that: the rest of the body is sent then. @default {nothing does} */
  goesOn?: Promise<void>;
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
  /** The rate of each connection; change it at will, or take it away. */
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

/** An answer. */
export interface Reply {
  /** The status. */
  status: number;
  /** The headers; an empty text leaves one out. */
  headers: Record<string, string>;
  /** All of the body. */
  body: Uint8Array;
  /** How it goes wrong. */
  fault?: OriginFault;
  /** The rate of the body. */
  bytesPerSecond?: number;
}

/** An answer with its fault. */
export function withFault(reply: Reply, fault: OriginFault): Reply {
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

/** The file, or the range of it that is asked for, or that it is unchanged. */
export function fileReply(request: OriginRequest, file: OriginFile): Reply {
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

/** The next fault of a file that is for such a request; it is used up. */
export function takeFault(file: OriginFile, request: OriginRequest): OriginFault | undefined {
  const start = Number(/^bytes=(\d+)-/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
  const at = file.faults?.findIndex((fault) =>
    fault.atByte === undefined || fault.atByte === start
  );
  return at === undefined || at < 0 ? undefined : file.faults?.splice(at, 1)[0];
}

/** The head of an answer, as it is sent. */
export function headOf(reply: Reply): string {
  const headers: Record<string, string> = { ...reply.headers };
  if (!reply.fault?.withoutLength) headers["content-length"] ??= String(reply.body.byteLength);
  else headers["connection"] = "close";
  const lines = Object.entries(headers).filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${reply.status} Status\r\n${lines.join("")}\r\n`;
}

/** An answer with a text. */
export function plain(status: number, text: string): Reply {
  return {
    status,
    headers: { "content-type": "text/plain" },
    body: new TextEncoder().encode(text),
  };
}

/** An answer that sends elsewhere. */
export function redirectTo(location: string): Reply {
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
