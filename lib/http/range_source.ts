/**
 * Where the further ranges of a download come from.
 *
 * Invariants: the URL that a redirect led to is used again while it is good and asked anew from the original when it is not
 * (signed URLs expire); it never leaves this object; credentials go to the origin they were meant for alone; every answer is
 * held against what was asked before a byte of it is used.
 *
 * @module
 */
import { KedgeError } from "../base/errors.ts";
import type { Requester } from "./requester.ts";
import { parseContentRange } from "./content_range.ts";
import type { FoundProbe } from "./probe.ts";
import { isBusyStatus, parseRetryAfterMs } from "./retry_policy.ts";
import { ifRangeOf, sameVersion, validatorsOf } from "./validators.ts";

/** The object is no longer what it was, or cannot be had in ranges after all: the download begins anew. */
export class ChangedError extends KedgeError {
  override readonly name = "ChangedError";
}

/** The server wants fewer requests. */
export class BusyError extends KedgeError {
  override readonly name = "BusyError";
  /** How long it asked to wait, in milliseconds; `undefined` where it did not say. */
  readonly askedMs: number | undefined;

  /** Says the status and how long to wait. */
  constructor(status: number, askedMs: number | undefined) {
    super(`the server answered ${status}`);
    this.askedMs = askedMs;
  }
}

/** What a {@linkcode RangeSource} is made of. */
export interface RangeSourceOptions {
  /** Sends the requests. */
  client: Requester;
  /** The first answer. */
  probe: FoundProbe;
  /** Headers of every request to the original origin. */
  headers?: Record<string, string>;
  /** What is being done, for messages. */
  action: string;
  /** Whether the digest of the contents is known, and judges what validators cannot. */
  digestKnown: boolean;
}

const goneStatuses = [400, 401, 403, 404, 410];

/** Gives the body of any range of one version of an object. */
export class RangeSource {
  #options: RangeSourceOptions;
  #redirected: string | undefined;
  #ifRange: string | undefined;

  /** Asks nothing yet. */
  constructor(options: RangeSourceOptions) {
    this.#options = options;
    const { url, finalUrl, validators } = options.probe;
    this.#redirected = finalUrl === "" || finalUrl === url ? undefined : finalUrl;
    this.#ifRange = ifRangeOf(validators);
  }

  /**
   * The body of a range, or of the beginning of it: an answer may end early.
   *
   * @throws {ChangedError} if the object changed, or ranges cannot be had any more
   * @throws {BusyError} on 429 and 503
   */
  async get(start: number, end: number): Promise<{ response: Response; end: number }> {
    const condition = this.#ifRange;
    const response = await this.#send(start, end, condition);
    if (response.status === 206) return this.#checked(response, start, end);
    await response.body?.cancel();
    if (isBusyStatus(response.status)) {
      const asked = parseRetryAfterMs(response.headers.get("retry-after"), Date.now());
      throw new BusyError(response.status, asked);
    }
    if (response.status === 200 && condition !== undefined && this.#isSame(response)) {
      this.#ifRange = undefined;
      return await this.get(start, end);
    }
    throw new ChangedError(
      response.status === 200
        ? "the server sent the whole instead of a range"
        : `the server answered ${response.status}`,
    );
  }

  async #send(start: number, end: number, condition: string | undefined): Promise<Response> {
    const { client, probe, action } = this.#options;
    const range = {
      range: `bytes=${start}-${end - 1}`,
      ...(condition === undefined ? {} : { "if-range": condition }),
    };
    const accept = [412, 416, 429, 503];
    const redirected = this.#redirected;
    if (redirected !== undefined) {
      const own = new URL(redirected).origin === new URL(probe.url).origin;
      const response = await client.request(redirected, {
        action,
        headers: { ...(own ? this.#options.headers : {}), ...range },
        accept: [...accept, ...goneStatuses],
      });
      if (!goneStatuses.includes(response.status)) return response;
      await response.body?.cancel();
      if (this.#redirected === redirected) this.#redirected = undefined;
    }
    const response = await client.request(probe.url, {
      action,
      headers: { ...this.#options.headers, ...range },
      accept,
    });
    if (response.url !== "" && response.url !== probe.url) this.#redirected = response.url;
    return response;
  }

  async #checked(
    response: Response,
    start: number,
    end: number,
  ): Promise<{ response: Response; end: number }> {
    const range = parseContentRange(response.headers.get("content-range"));
    const encoding = response.headers.get("content-encoding") ?? "";
    const state = range?.start !== start || range.end! > end
      ? "the server sent another range than was asked for"
      : range.total !== undefined && range.total !== this.#options.probe.size
      ? `the object has ${range.total} bytes instead of ${this.#options.probe.size}`
      : !/^(identity)?$/i.test(encoding)
      ? `the server sent a range with the encoding ${encoding}`
      : this.#isSame(response)
      ? undefined
      : "the object changed during the download";
    if (state === undefined) return { response, end: range!.end! };
    await response.body?.cancel();
    throw new ChangedError(state);
  }

  #isSame(response: Response): boolean {
    const { probe, digestKnown } = this.#options;
    return (digestKnown && response.status === 206) ||
      sameVersion(validatorsOf(response.headers), probe.validators);
  }
}
