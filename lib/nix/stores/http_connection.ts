import { formatBytes } from "../../base/bytes.ts";
import { KedgeError } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import { HttpClient } from "../../http/client.ts";
import type { HttpRequest } from "../../http/http_request.ts";
import { displayUrl } from "../../http/display_url.ts";
import { isBusyStatus, type RetryPolicy } from "../../http/retry_policy.ts";
import type { TlsOptions } from "../../http/tls_options.ts";
import { Uploader, type UploadRequest } from "../../http/upload.ts";

/** What is signed of a request. */
interface ToSign {
  url: string;
  method: string;
  headers: Headers;
}

/** Signs a request. */
type Sign = (request: ToSign) => Promise<Headers>;

/** What an {@linkcode HttpConnection} is made of. */
export interface HttpConnectionOptions {
  /** The server's URL, without credentials; what lets in is for its origin alone. */
  url: string;
  /** The Authorization header. */
  authorization?: string | undefined;
  /** For `https`. */
  tls?: TlsOptions | undefined;
  /** How requests are tried again. */
  retry?: RetryPolicy | undefined;
  /** How long a connection may take or give no byte, in milliseconds. @default {120_000} */
  stallMs?: number | undefined;
  /** Signs a request anew for each try; gives the headers to send. */
  sign?: Sign | undefined;
  /** Told that the server said it is too much. */
  onCongestion?: (() => void) | undefined;
  /** Told of each request. */
  meter: Meter;
  /** Ends every request. */
  signal: AbortSignal;
}

/** The connections to one server: kept alive for what is small, with a Content-Length for what is large. */
export class HttpConnection implements Disposable {
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #client: HttpClient;
  readonly #connections: Deno.HttpClient;
  readonly #uploader: Uploader;
  readonly #onCongestion: (() => void) | undefined;
  readonly #meter: Meter;

  /** Connects to nothing yet. */
  constructor(options: HttpConnectionOptions) {
    const { url, authorization, tls, retry, onCongestion, meter, signal, stallMs, sign } = options;
    this.#url = url;
    this.#onCongestion = onCongestion;
    this.#meter = meter;
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
        const headers = new Headers(init.headers);
        const method = init.method ?? "GET";
        const response = await fetch(target, {
          ...init,
          headers: sign === undefined || !mayKnow(target, url)
            ? headers
            : await signed({ url: target, method, headers }, sign),
          client: this.#connections,
        });
        if (isBusyStatus(response.status)) onCongestion?.();
        return response;
      },
    });
    this.#uploader = new Uploader({
      ...shared,
      ...(stallMs === undefined ? {} : { stallMs }),
      ...(tls === undefined ? {} : { tls }),
    });
  }

  /** Sends a request; the answer's body must be read or cancelled. */
  async request(target: string, request: HttpRequest): Promise<Response> {
    return await this.#client.request(target, {
      ...request,
      headers: { ...this.#headersFor(target), ...request.headers },
    });
  }

  /** Sends a body of any size; a server that asks for signatures is not spoken to in this way. */
  async upload(target: string, request: UploadRequest): Promise<void> {
    const response = await this.#uploader.send(target, {
      ...request,
      headers: { ...this.#headersFor(target), ...request.headers },
      onRestart: (bytes) => {
        this.#onCongestion?.();
        this.#meter.note(
          `${displayUrl(target)} is sent anew from its first byte, ${
            formatBytes(bytes)
          } in vain: HTTP cannot go on with a file that was cut`,
          "warning",
        );
        request.onRestart?.(bytes);
      },
    });
    await response.body?.cancel();
  }

  /** A narinfo may name a NAR anywhere: nobody else is told what lets in here. */
  #headersFor(target: string): Record<string, string> {
    return new URL(target).origin === new URL(this.#url).origin ? this.#headers : {};
  }

  /** Closes the connections. */
  [Symbol.dispose](): void {
    this.#uploader[Symbol.dispose]();
    this.#connections.close();
  }
}

/** Whether a request is signed: one to the server itself, or to where S3 sends those for a bucket of another region. */
function mayKnow(target: string, url: string): boolean {
  const [to, own] = [new URL(target), new URL(url)];
  const ofAmazon = ({ protocol, hostname }: URL) =>
    protocol === "https:" && hostname.endsWith(".amazonaws.com");
  return to.origin === own.origin || (ofAmazon(to) && ofAmazon(own));
}

/** The headers of a request, signed; what cannot be signed is no fault of the network, and not tried again. */
async function signed(request: ToSign, sign: Sign): Promise<Headers> {
  try {
    return await sign(request);
  } catch (cause) {
    throw new KedgeError(
      `Cannot sign the request to ${displayUrl(request.url)}: ${(cause as Error).message}`,
      { cause, side: "destination" },
    );
  }
}
