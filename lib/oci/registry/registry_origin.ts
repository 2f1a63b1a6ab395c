/**
 * Where a registry is: its origin, by plain HTTP or by TLS.
 *
 * Invariants: a loopback registry is spoken to in plain HTTP, any other only when it was named as insecure; a loopback registry that was
 * not named, and shows at the first request that it speaks TLS, is spoken to by TLS from then on, its certificate checked like any
 * other; nobody goes back from TLS to plain HTTP.
 *
 * @module
 */
import type { Meter } from "../../base/meter.ts";
import { failureWords, isUnconnected } from "../../http/failure_words.ts";
import { namesProxy } from "../../http/known_proxies.ts";
import { isLoopback } from "./is_loopback.ts";

/** Sends one request. */
export type Ask = (url: string, init: RequestInit) => Promise<Response>;

/** What a {@linkcode RegistryOrigin} is made of. */
export interface RegistryOriginOptions {
  /** Host and, where there is one, port. */
  host: string;
  /** Whether it was named as one that speaks plain HTTP. @default {false} */
  insecure?: boolean | undefined;
  /** Told of a request more, and that the registry speaks TLS. */
  meter?: Meter | undefined;
}

/** The origin of one registry. */
export class RegistryOrigin {
  #options: RegistryOriginOptions;
  #base: URL;
  #how: "given" | "supposed" | "found" = "given";

  /** Connects to nothing. */
  constructor(options: RegistryOriginOptions) {
    const { host, insecure = false } = options;
    this.#options = options;
    const scheme = insecure || isLoopback(host) ? "http" : "https";
    if (!insecure && isLoopback(host)) this.#how = "supposed";
    this.#base = new URL(
      `${scheme}://${host === "docker.io" ? "registry-1.docker.io" : host}/v2/`,
    );
  }

  /** The URL that all paths of the API are relative to, ending in `/v2/`. */
  get base(): URL {
    return this.#base;
  }

  /** Whether it is spoken to in plain HTTP. */
  get plain(): boolean {
    return this.#base.protocol === "http:";
  }

  /** A URL of the registry as it has to be asked for now, though it was made before TLS was found; others as they are. */
  current(url: string | URL): URL {
    const wanted = new URL(url);
    if (!this.#is("found") || wanted.protocol !== "http:") return wanted;
    const secured = overTls(wanted);
    return secured.host === this.#base.host ? secured : wanted;
  }

  /** Sends a request by `ask`; one that shows that the registry speaks TLS is sent once more, by that. */
  async send(url: string, init: RequestInit, ask: Ask): Promise<Response> {
    const wanted = this.current(url);
    if (!this.#is("supposed") || wanted.origin !== this.#base.origin) {
      return await ask(wanted.href, init);
    }
    let response: Response | undefined;
    let failure: unknown;
    try {
      response = await ask(wanted.href, init);
    } catch (error) {
      init.signal?.throwIfAborted();
      // What could not be connected to shows nothing.
      if (!(error instanceof TypeError) || isUnconnected(error)) throw error;
      failure = error;
    }
    // Others may have found out meanwhile.
    if (response !== undefined && !asksForTls(response, wanted)) this.#settle("given");
    const secured = this.#is("given") ? undefined : await this.#sendSecured(wanted, init, ask);
    if (secured !== undefined) {
      await response?.body?.cancel();
      return secured;
    }
    if (response === undefined) throw failure;
    this.#settle("given");
    return response;
  }

  /** The answer by TLS; `undefined` where nothing there speaks it. */
  async #sendSecured(url: URL, init: RequestInit, ask: Ask): Promise<Response | undefined> {
    // A stream that went out cannot go out again.
    if (init.body instanceof ReadableStream) return undefined;
    this.#options.meter?.request();
    try {
      const response = await ask(overTls(url).href, init);
      this.#settle("found");
      return response;
    } catch (error) {
      init.signal?.throwIfAborted();
      if (!(error instanceof TypeError)) throw error;
      if (!/invalid peer certificate|received fatal alert/.test(failureWords(error))) {
        await this.#noteProxy(error, overTls(url));
        return undefined;
      }
      this.#settle("found");
      throw error;
    }
  }

  /** What fails by a proxy does not show whether the registry speaks TLS. */
  async #noteProxy(error: unknown, url: URL): Promise<void> {
    if (!isUnconnected(error) || !namesProxy()) return;
    const { fetchFailure } = await import("../../http/fetch_failure.ts");
    const { message } = fetchFailure(error, url.href) as Error;
    if (!message.includes("by the proxy")) return;
    this.#options.meter?.note(
      `${url.host} does not answer by TLS: ${message}; if it speaks that, name ${
        url.hostname.replace(/^\[|\]$/g, "")
      } in NO_PROXY`,
      "warning",
    );
  }

  #is(how: "given" | "supposed" | "found"): boolean {
    return this.#how === how;
  }

  #settle(how: "given" | "found"): void {
    if (!this.#is("supposed")) return;
    this.#how = how;
    if (how === "given") return;
    this.#base = overTls(this.#base);
    this.#options.meter?.note(`${this.#options.host} speaks TLS, and is spoken to by that`);
  }
}

/** The same address by TLS, on the same port. */
function overTls(url: URL): URL {
  const secured = new URL(url);
  const port = secured.port || "80";
  secured.protocol = "https:";
  secured.port = port;
  return secured;
}

/** Whether an answer to plain HTTP is one that a TLS server gives: most say 400, some lead to themselves by TLS. */
function asksForTls({ status, headers }: Response, url: URL): boolean {
  if (status === 400) return true;
  const location = headers.get("location");
  return location !== null && URL.canParse(location, url) &&
    new URL(location, url).origin === overTls(url).origin;
}
