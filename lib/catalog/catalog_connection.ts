import type * as v from "valibot";
import type { KedgeError } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import { HttpClient } from "../http/client.ts";
import type { HttpRequest } from "../http/http_request.ts";
import { displayUrl } from "../http/display_url.ts";
import { firstWords } from "../http/first_words.ts";
import type { RetryPolicy } from "../http/retry_policy.ts";
import type { TlsOptions } from "../http/tls_options.ts";
import type { CatalogOptions } from "./catalog.ts";
import { CatalogConflictError } from "./catalog_conflict_error.ts";
import { readCatalogAnswer } from "./read_catalog_answer.ts";

/** What a {@linkcode CatalogConnection} is made of. */
export interface CatalogConnectionOptions {
  /** The base URL, without credentials. */
  url: string;
  /** The Authorization header. */
  authorization?: string | undefined;
  /** For `https`. */
  tls?: TlsOptions | undefined;
  /** How requests are tried again. */
  retry?: RetryPolicy | undefined;
  /** How long an answer may take, in milliseconds. @default {60_000} */
  timeoutMs?: number | undefined;
  /** Told of each request. */
  meter?: Meter | undefined;
  /** Ends every request. */
  signal?: AbortSignal | undefined;
}

/** The requests to a catalog: its login and certificates on each, its answers checked, its refusals in words. */
export class CatalogConnection implements Disposable {
  /** The base URL as it may be shown. */
  readonly url: string;
  readonly #base: string;
  readonly #headers: Record<string, string>;
  readonly #client: HttpClient;
  readonly #connections: Deno.HttpClient;
  readonly #signal: AbortSignal | undefined;

  /** Connects to nothing yet. */
  constructor(options: CatalogConnectionOptions) {
    const { authorization, tls, retry, timeoutMs, meter, signal } = options;
    this.#signal = signal;
    this.#base = options.url.replace(/\/+$/, "");
    this.url = displayUrl(this.#base);
    this.#headers = {
      accept: "application/json",
      ...(authorization === undefined ? {} : { authorization }),
    };
    this.#connections = Deno.createHttpClient({
      ...(tls?.ca === undefined ? {} : { caCerts: [tls.ca] }),
      ...(tls?.cert === undefined || tls.key === undefined ? {} : { cert: tls.cert, key: tls.key }),
    });
    this.#client = new HttpClient({
      side: "destination",
      ...(retry === undefined ? {} : { retry }),
      ...(timeoutMs === undefined ? {} : { headersTimeoutMs: timeoutMs }),
      ...(meter === undefined ? {} : { meter }),
      ...(signal === undefined ? {} : { signal }),
      fetch: (target, init) => fetch(target, { ...init, client: this.#connections }),
    });
  }

  /** Sends a request to a path below the base URL. */
  async send(path: string, request: HttpRequest, options: CatalogOptions): Promise<Response> {
    return await this.#client.request(`${this.#base}/${path}`, {
      ...request,
      headers: { ...this.#headers, ...request.headers },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  }

  /** What an answer says, checked. */
  async read<S extends v.GenericSchema>(
    response: Response,
    schema: S,
  ): Promise<v.InferOutput<S>> {
    return await readCatalogAnswer(response, schema, this.url, this.#signal);
  }

  /** The error of an answer that refuses, with the catalog's own words. */
  async conflict(
    response: Response,
    action: string,
    state: string,
    hint: string,
  ): Promise<KedgeError> {
    const words = await firstWords(response, 160);
    return new CatalogConflictError(`${action}: ${state}${words === "" ? "" : ` (${words})`}`, {
      hint,
      side: "destination",
      data: { status: response.status },
    });
  }

  /** Closes the connections. */
  [Symbol.dispose](): void {
    this.#connections.close();
  }
}
