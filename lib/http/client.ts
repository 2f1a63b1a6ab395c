/**
 * The one HTTP client.
 *
 * Invariants: bodies are asked for as they are stored (`accept-encoding: identity`), since every byte is hashed and ranges
 * count them; redirects are followed from the original URL each time, never from https to http, and what may let somebody in stays
 * with its origin, whatever its header is called; every wait has an end; a failed request says its true status, the URL without its secrets, and how often it was tried.
 *
 * There is one timeout for the look-up of the name, the connection, TLS and the headers together: Deno's `fetch` does not tell when
 * it is connected, and its client takes no timeout for it. So an address that never answers is given up after `headersTimeoutMs`.
 *
 * @module
 */
import { counted } from "../base/counted.ts";
import { KedgeError, type Side, UnreachableError } from "../base/errors.ts";
import { LateSignals } from "../base/late_signals.ts";
import { type Meter, silentMeter } from "../base/meter.ts";
import { displayUrl, displayUrls } from "./display_url.ts";
import { holdResponse } from "./hold_response.ts";
import type { HttpRequest } from "./http_request.ts";
import { headersOf, leaveOrigin } from "./request_headers.ts";
import {
  defaultRetryPolicy,
  isBusyStatus,
  isTransientStatus,
  longestRetryAfterMs,
  parseRetryAfterMs,
  RetryBudget,
  type RetryFailure,
  type RetryPolicy,
} from "./retry_policy.ts";

/** What an {@linkcode HttpClient} is made of; every part has a default. */
export interface HttpClientOptions {
  /** Told of each request and retry. */
  meter?: Meter;
  /** Ends every request. */
  signal?: AbortSignal;
  /** How requests are tried again. */
  retry?: RetryPolicy;
  /** How long the headers of an answer may take, in milliseconds. @default {60_000} */
  headersTimeoutMs?: number;
  /** Which side of a transfer this client speaks to; errors carry it. */
  side?: Side;
  /** Sends one request. @default {globalThis.fetch} */
  fetch?: (request: string, init: RequestInit) => Promise<Response>;
  /** A number from 0 to 1 for the jitter. @default {Math.random} */
  random?: () => number;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  now?: () => number;
}

const maxRedirects = 10;
/** The most characters that are told of what a server says that keeps failing. */
const longestReason = 300;
/** What a signed URL answers before its time and after it: then the original URL is asked once more. */
const signedStatuses = [400, 403, 410];
const redirectStatuses = [301, 302, 303, 307, 308];

/** Sends requests with retries, timeouts and checked redirects. */
export class HttpClient {
  #meter: Meter;
  #signal: AbortSignal | undefined;
  #retry: RetryPolicy;
  #late: LateSignals;
  #side: Side | undefined;
  #fetch: (request: string, init: RequestInit) => Promise<Response>;
  #random: () => number;
  #now: () => number;

  /** Connects to nothing yet. */
  constructor(options: HttpClientOptions = {}) {
    this.#meter = options.meter ?? silentMeter;
    this.#signal = options.signal;
    this.#retry = options.retry ?? defaultRetryPolicy;
    const { headersTimeoutMs = 60_000 } = options;
    this.#late = new LateSignals(
      headersTimeoutMs,
      () => new Error(`no answer within ${headersTimeoutMs} ms`),
    );
    this.#side = options.side;
    this.#fetch = options.fetch ?? ((request, init) => fetch(request, init));
    this.#random = options.random ?? Math.random;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Sends a request and gives the answer once its status is fine; the body is still to be read, and must be read or cancelled.
   *
   * @throws {NotAllowedError} on 401, 403 and 407
   * @throws {UnreachableError} if there was no answer, or only transient failures, in all tries; at once if there can be none
   * @throws {NoRoomError} on 507
   * @throws {UsageError} if a header has a value that none may have
   * @throws {KedgeError} on any other status that is neither 2xx nor accepted; `data.status` holds it
   */
  async request(url: string | URL, request: HttpRequest = {}): Promise<Response> {
    const signals = [this.#signal, request.signal].filter((signal) => signal !== undefined);
    const signal = signals.length > 0 ? AbortSignal.any(signals) : undefined;
    const budget = new RetryBudget(this.#retry, this.#random);
    for (let tried = 1;; tried++) {
      signal?.throwIfAborted();
      let failure: RetryFailure & { cause?: unknown; state: string; response?: Response };
      try {
        // A plan cannot know of redirects: they are part of the request that they answer.
        this.#meter.request();
        let response = await this.#follow(new URL(url), request, signal);
        if (response.ok || request.accept?.includes(response.status)) return response;
        if (request.acceptIf !== undefined && isTransientStatus(response.status)) {
          const { readAhead } = await import("./read_ahead.ts");
          const ahead = await readAhead(response);
          if (request.acceptIf(response.status, ahead.text)) return ahead.response;
          response = ahead.response;
        }
        const isOfRedirect = tried === 1 && signedStatuses.includes(response.status) &&
          response.url !== "" && response.url !== new URL(url).href;
        if (!isTransientStatus(response.status) && !isOfRedirect) {
          const { statusError } = await import("./status_error.ts");
          throw await statusError(response, {
            what: this.#describe(url, request),
            url: displayUrl(url),
            method: request.method,
            side: this.#side,
          });
        }
        failure = {
          response,
          state: `the server answered ${response.status}`,
          isBusy: isBusyStatus(response.status),
          askedMs: parseRetryAfterMs(response.headers.get("retry-after"), this.#now()),
        };
      } catch (cause) {
        signal?.throwIfAborted();
        if (cause instanceof KedgeError) throw cause;
        failure = { cause, state: displayUrls((cause as Error).message) };
      }
      const { askedMs = 0, response } = failure;
      const waitMs = budget.next(failure);
      if (waitMs === undefined) {
        const { reasonIn } = await import("./status_error.ts");
        const reason = response === undefined ? "" : await reasonIn(response, longestReason);
        signal?.throwIfAborted();
        const asked = askedMs > longestRetryAfterMs
          ? ` and wants to be asked again in ${Math.ceil(askedMs / 1000)} s`
          : "";
        throw new UnreachableError(
          `Cannot ${this.#describe(url, request)}: ${failure.state}${reason}${asked}, tried ${
            counted(tried, "time")
          }`,
          this.#withSide({ cause: failure.cause, data: { url: displayUrl(url), tried } }),
        );
      }
      await response?.body?.cancel();
      this.#meter.note(
        `${this.#describe(url, request)}: ${failure.state}; trying again in ${
          Math.round(waitMs)
        } ms`,
        "warning",
      );
      const { delay } = await import("@std/async");
      await delay(waitMs, signal === undefined ? {} : { signal });
    }
  }

  async #follow(
    start: URL,
    request: HttpRequest,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    let url = start;
    let method = request.method ?? "GET";
    let body = request.body;
    const headers = headersOf(request.headers);
    if (!headers.has("accept-encoding")) headers.set("accept-encoding", "identity");
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const response = await this.#send(url, method, headers, body, signal);
      const location = response.headers.get("location");
      if (
        request.follow === false || !redirectStatuses.includes(response.status) || location === null
      ) return response;
      await response.body?.cancel();
      // Who sends the requests may have gone over to TLS.
      const asked = response.url === "" ? url : new URL(response.url);
      const next = this.#checkRedirect(asked, location);
      if (next.origin !== asked.origin) leaveOrigin(headers);
      if (response.status === 303 && method !== "HEAD") {
        method = "GET";
        body = undefined;
      }
      url = next;
    }
    throw new KedgeError(
      `Cannot ${this.#describe(start, request)}: more than ${maxRedirects} redirects`,
      this.#withSide({}),
    );
  }

  #checkRedirect(from: URL, location: string): URL {
    const to = URL.canParse(location, from) ? new URL(location, from) : undefined;
    const safe = to !== undefined && (to.protocol === "https:" || to.protocol === from.protocol);
    if (safe && (to.protocol === "http:" || to.protocol === "https:")) return to;
    throw new KedgeError(
      `Cannot follow the redirect of ${displayUrl(from)}: it leads to ${displayUrl(location)}`,
      this.#withSide({ hint: "a redirect may not leave HTTP, nor go from https to http" }),
    );
  }

  async #send(
    url: URL,
    method: string,
    headers: Headers,
    body: HttpRequest["body"],
    outer: AbortSignal | undefined,
  ): Promise<Response> {
    using late = this.#late.start();
    const signal = outer === undefined ? late.signal : AbortSignal.any([outer, late.signal]);
    try {
      return holdResponse(
        await this.#fetch(url.href, {
          method,
          headers,
          redirect: "manual",
          signal,
          ...(body === undefined ? {} : { body: typeof body === "function" ? body() : body }),
        }),
      );
    } catch (error) {
      signal.throwIfAborted();
      const { fetchFailure } = await import("./fetch_failure.ts");
      throw fetchFailure(error, url.href);
    }
  }

  #describe(url: string | URL, request: HttpRequest): string {
    return `${request.action ?? request.method ?? "GET"} ${displayUrl(url)}`;
  }

  #withSide<T extends object>(options: T): T & { side?: Side } {
    return this.#side === undefined ? options : { ...options, side: this.#side };
  }
}
