import { UnreachableError, UsageError } from "../base/errors.ts";
import { requestWords } from "../base/request_words.ts";
import { displayUrl, displayUrls } from "./display_url.ts";
import { isUnconnected } from "./failure_words.ts";
import { knownProxies } from "./known_proxies.ts";
import { proxyOf } from "./proxy_of.ts";

/**
 * What a failed fetch is for people: what lies at its bottom. It is an {@linkcode UnreachableError} where the same request never
 * works: the certificate is not trusted, the server does not speak TLS, the port is one that fetch refuses, or this program may not
 * connect there; a {@linkcode UsageError} where the authorities cannot be read that are to be trusted. Anything else is given back as it is.
 *
 * @param isDirect whether the server is reached without a proxy, whatever the environment names
 */
export function fetchFailure(error: unknown, url: string, isDirect = false): unknown {
  if (!(error instanceof TypeError || error instanceof Deno.errors.NotCapable)) {
    return trustError(error) ?? error;
  }
  return certificateError(error, url) ?? plainError(error, url) ?? refusedError(error, url) ??
    new Error(`${displayUrls(deepestMessage(error))}${isDirect ? "" : way(error, url)}`, {
      cause: error,
    });
}

/** The proxy by which a server was to be connected to: who refused may have been that. */
function way(error: unknown, url: string): string {
  if (!isUnconnected(error)) return "";
  const proxy = proxyOf(new URL(url), knownProxies());
  return proxy === undefined ? "" : ` (by the proxy "${displayUrl(proxy)}")`;
}

/** What lies at the bottom of a failed fetch: "connection refused" rather than "fetch failed". */
function deepestMessage(error: unknown): string {
  let at = error as Error;
  for (let depth = 0; depth < 8 && at.cause instanceof Error; depth++) at = at.cause;
  return requestWords(at.message);
}

/** The next step, by what is wrong with a certificate. */
const certificateHints: readonly [RegExp, string][] = [
  [
    /^UnknownIssuer$/,
    "set DENO_CERT to the file of the authority's certificate, or DENO_TLS_CA_STORE=system where the system trusts it",
  ],
  [
    /^CaUsedAsEndEntity$/,
    "it is an authority's own, as openssl req -x509 makes it: give the server one that an authority signed, and set DENO_CERT to that authority's",
  ],
  [
    /^(Expired|NotValidYet|certificate (expired|not valid yet))\b/,
    "the server needs a new one, if the clock of this machine is right",
  ],
  [
    /^(NotValidForName|certificate not valid for name)\b/,
    "reach the server by a name that its certificate holds, or give it one for this name",
  ],
];

/** The next step, by what is wrong with the authorities that are to be trusted, which are read before the first connection. */
const trustHints: readonly [RegExp, string][] = [
  [
    /^(Failed opening CA file|Unable to add pem file to certificate store)\b/,
    "set DENO_CERT to the file of an authority's certificate, or leave it out",
  ],
  [
    /^Unknown certificate store\b/,
    "set DENO_TLS_CA_STORE to system, mozilla, or both: system,mozilla",
  ],
];

function hintFor(hints: readonly [RegExp, string][], state: string): string | undefined {
  return hints.find(([pattern]) => pattern.test(state))?.[1];
}

function trustError(error: unknown): UsageError | undefined {
  if (!(error instanceof Error)) return undefined;
  const hint = hintFor(trustHints, error.message);
  if (hint === undefined) return undefined;
  return new UsageError(`Cannot use the authorities that are to be trusted: ${error.message}`, {
    cause: error,
    hint,
  });
}

function certificateError(error: unknown, url: string): UnreachableError | undefined {
  const text = `${(error as Error).message}\n${deepestMessage(error)}`;
  const found = /invalid peer certificate: ([^\n]*)/.exec(text)?.[1];
  if (found === undefined) return undefined;
  const state = found.replace(/^Other\(OtherError\((.*)\)\)$/, "$1").trim();
  return new UnreachableError(
    `Cannot trust the certificate of "${new URL(url).host}": ${state}`,
    {
      cause: error,
      hint: hintFor(certificateHints, state),
    },
  );
}

function plainError(error: unknown, url: string): UnreachableError | undefined {
  if (!deepestMessage(error).includes("corrupt message of type InvalidContentType")) {
    return undefined;
  }
  const { host, pathname } = new URL(url);
  const isRegistry = pathname.startsWith("/v2/");
  return new UnreachableError(`Cannot connect to "${host}": it does not speak TLS`, {
    cause: error,
    hint: `if it may be spoken to in plain HTTP, write ${
      isRegistry ? `--insecure-registry ${host}` : "http://"
    }`,
  });
}

function refusedError(error: unknown, url: string): UnreachableError | undefined {
  const { message } = error as Error;
  const blocked = /Requests to port \d+ are blocked/.exec(message)?.[0];
  if (blocked === undefined && !(error instanceof Deno.errors.NotCapable)) return undefined;
  return new UnreachableError(`Cannot connect to ${displayUrl(url)}: ${blocked ?? message}`, {
    cause: error,
    ...(blocked === undefined
      ? {}
      : { hint: "fetch blocks the ports of other protocols; serve it on another one" }),
  });
}
