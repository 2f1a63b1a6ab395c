/**
 * The first request of a download: a ranged GET of the original URL. Its answer tells the size, the validators and whether
 * ranges can be had, and its body is the first piece, so that no request is wasted.
 *
 * Cases it guards: servers that ignore ranges (200), that begin elsewhere than asked, that answer a resumed range with another
 * version, that know If-Range for dates only, that answer 304 of a version that nobody asked about, that compress, that say 416 since the file became shorter.
 *
 * @module
 */
import { defined } from "../base/defined.ts";
import type { Digest } from "../base/digest.ts";
import { KedgeError, UnreachableError } from "../base/errors.ts";
import type { Requester } from "./requester.ts";
import { parseContentRange } from "./content_range.ts";
import type { Control } from "./control_file.ts";
import { displayUrl } from "./display_url.ts";
import { type FreshnessLifetime, freshnessLifetime, saidLifetime } from "./freshness_lifetime.ts";
import { statedDigest, wantDigest } from "./stated_digest.ts";
import {
  conditionOf,
  ifRangeOf,
  sameVersion,
  type Validators,
  validatorsOf,
} from "./validators.ts";

/** The bytes that the first request asks for. */
export const firstPieceBytes = 8 * 1024 * 1024;

/** What is asked. */
export interface ProbeRequest {
  /** The original URL. */
  url: string;
  /** Headers of every request: authorization. */
  headers?: Record<string, string>;
  /** What is being done, for messages. */
  action: string;
  /** Ask only whether this version changed. */
  unless?: Validators;
  /** A partial download of which the missing bytes are wanted. */
  partial?: Control;
  /** Whether the digest of the contents is known, so that it can judge what validators cannot. */
  digestKnown: boolean;
  /** Whether ranges may be asked for. @default {true} */
  ranges?: boolean;
}

/** What came back. */
export type Probe = UnchangedProbe | FoundProbe;

/** The origin says that nothing changed. */
export interface UnchangedProbe {
  /** Nothing changed. */
  state: "unchanged";
  /** By what the version is known. */
  validators: Validators;
  /** For how long that may be believed, as far as it says; of the rest holds what the version's own answer said (RFC 9111, section 3.2). */
  lifetime: Partial<FreshnessLifetime>;
}

/** An answer with a body. */
export interface FoundProbe {
  /** There is something to be had. */
  state: "found";
  /** The original URL. */
  url: string;
  /** The URL after all redirects; good for some minutes, and never to be kept. */
  finalUrl: string;
  /** The size of the whole, where the server says it. */
  size?: number;
  /** By what this version is known. */
  validators: Validators;
  /** The digest that the server says the whole has. */
  stated?: Digest;
  /** For how long the origin lets it be used without asking. */
  lifetime: FreshnessLifetime;
  /** Whether further ranges can be had. */
  ranges: boolean;
  /** The partial download that this answer continues; without it, all begins anew. */
  partial?: Control;
  /** The answer, of which the body is unread and begins at `start`. */
  response: Response;
  /** The first byte of the body. */
  start: number;
  /** The byte after the last of the body, where it is known. */
  end?: number;
}

/**
 * Sends the first request, and further ones only where the answer to the first cannot be used. That nothing changed counts for nothing
 * where it is said of another version than was asked about (RFC 9111, section 4.3.4), or nobody asked.
 *
 * @throws {VerificationError} if a web page came instead of a file
 * @throws {UnreachableError} if the server says unasked that nothing changed
 */
export async function probe(
  client: Requester,
  request: ProbeRequest & { unless?: never },
): Promise<FoundProbe>;
export async function probe(client: Requester, request: ProbeRequest): Promise<Probe>;
export async function probe(client: Requester, request: ProbeRequest): Promise<Probe> {
  const { unless = {}, ...rest } = request;
  if (Object.keys(conditionOf(unless)).length > 0) {
    const answer = await ask(client, request);
    if (answer.state === "found" || !isOther(unless.etag, answer.validators.etag)) return answer;
  }
  const answer = await ask(client, rest);
  if (answer.state === "found") return answer;
  throw new UnreachableError(
    `Cannot ${request.action} ${
      displayUrl(request.url)
    }: the server answered 304 to a request without a condition`,
    { side: "source", hint: "a proxy on the way may hold answers of its own" },
  );
}

function isOther(asked: string | undefined, said: string | undefined): boolean {
  return asked !== undefined && said !== undefined && asked !== said;
}

async function ask(client: Requester, request: ProbeRequest): Promise<Probe> {
  const { partial } = request;
  const start = partial?.done[0]?.start === 0 ? partial.done[0].end : 0;
  if (partial !== undefined && start < partial.size && request.ranges !== false) {
    const resumed = await resume(client, request, partial, start);
    if (resumed !== undefined) return resumed;
  }
  if (request.ranges !== false) {
    const response = await get(client, request, 0, firstPieceBytes, {});
    const found = await readAnswer(request, response, 0);
    if (found !== undefined) return found;
  }
  const response = await client.request(request.url, {
    action: request.action,
    headers: headersOf(request),
    accept: [304],
  });
  const found = await readAnswer({ ...request, ranges: false }, response, 0);
  if (found !== undefined) return found;
  throw new KedgeError(
    `Cannot ${request.action} ${
      displayUrl(request.url)
    }: the server answered ${response.status} to a plain request`,
  );
}

/** Asks for the missing part of a partial download; `undefined` where it must begin anew. */
async function resume(
  client: Requester,
  request: ProbeRequest,
  partial: Control,
  start: number,
): Promise<Probe | undefined> {
  const next = partial.done.find((extent) => extent.start > start)?.start ?? partial.size;
  const length = Math.min(firstPieceBytes, next - start);
  const condition = ifRangeOf(partial);
  if (condition === undefined && !request.digestKnown) return undefined;
  const fits = (probe: FoundProbe) =>
    probe.response.status === 206 && probe.size === partial.size &&
    (request.digestKnown || sameVersion(probe.validators, partial));

  const asked: Record<string, string> = condition === undefined ? {} : { "if-range": condition };
  let response = await get(client, request, start, length, asked);
  if (
    response.status === 200 && condition !== undefined &&
    (request.digestKnown || sameVersion(validatorsOf(response.headers), partial))
  ) {
    await response.body?.cancel();
    response = await get(client, request, start, length, {});
  }
  const found = await readAnswer(request, response, start);
  if (found === undefined || found.state === "unchanged") return found;
  if (fits(found)) return { ...found, partial };
  await found.response.body?.cancel();
  return undefined;
}

async function get(
  client: Requester,
  request: ProbeRequest,
  start: number,
  length: number,
  headers: Record<string, string>,
): Promise<Response> {
  return await client.request(request.url, {
    action: request.action,
    headers: {
      ...headersOf(request),
      ...headers,
      range: `bytes=${start}-${start + length - 1}`,
    },
    accept: [304, 416],
  });
}

function headersOf({ headers, unless = {}, digestKnown }: ProbeRequest): Record<string, string> {
  return { ...(digestKnown ? {} : wantDigest), ...headers, ...conditionOf(unless) };
}

/** Judges an answer; `undefined` where it is of no use (its body is cancelled then). */
async function readAnswer(
  request: ProbeRequest,
  response: Response,
  start: number,
): Promise<Probe | undefined> {
  const validators = validatorsOf(response.headers);
  const lifetime = freshnessLifetime(response.headers, Date.now());
  const url = { url: request.url, finalUrl: response.url };
  if (response.status === 304) {
    await response.body?.cancel();
    return { state: "unchanged", validators, lifetime: saidLifetime(lifetime, response.headers) };
  }
  if (isPage(request, response)) {
    const { refusePage } = await import("./refuse_page.ts");
    await refusePage(request, response);
  }
  const encoded = !/^(identity)?$/i.test(response.headers.get("content-encoding") ?? "");
  const stated = encoded ? undefined : statedDigest(response.headers);
  const base = { state: "found", ...url, validators, lifetime, ...defined({ stated }) } as const;
  if (response.status === 200) {
    const length = Number(response.headers.get("content-length") ?? NaN);
    return {
      ...base,
      ranges: false,
      response,
      start: 0,
      ...(Number.isSafeInteger(length) && !encoded ? { size: length, end: length } : {}),
    };
  }
  const range = parseContentRange(response.headers.get("content-range"));
  if (
    response.status === 206 && !encoded && range?.total !== undefined && range.start === start
  ) {
    const { total, end } = range;
    const isWhole = start === 0 && end === total;
    if (request.digestKnown || ifRangeOf(validators) !== undefined || isWhole) {
      return { ...base, size: total, ranges: true, response, start, end: end! };
    }
  }
  await response.body?.cancel();
  return undefined;
}

/** A web page in the place of a file: a captive portal, a login, an apology. */
function isPage({ url }: ProbeRequest, { headers }: Response): boolean {
  return /^\s*(text\/html|application\/xhtml)/i.test(headers.get("content-type") ?? "") &&
    !/\.x?html?$/i.test(new URL(url).pathname);
}
