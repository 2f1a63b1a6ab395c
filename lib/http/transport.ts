/** Options of a {@linkcode Transport}. */
export interface TransportOptions {
  /** How many idle connections to one host are kept. @default {8} */
  connections?: number;
  /** Certificates in PEM that are trusted beside those of the system. */
  caCerts?: readonly string[];
}

/**
 * Connections of their own for a download: HTTP/1.1, so that each range has a connection to itself, where HTTP/2 would put all
 * of them on one. Its `fetch` fits {@linkcode HttpClient}.
 */
export class Transport implements Disposable {
  #client: Deno.HttpClient | undefined;
  #options: TransportOptions;

  /** Connects to nothing yet. */
  constructor(options: TransportOptions = {}) {
    this.#options = options;
  }

  /** Sends one request over these connections. */
  readonly fetch = (request: string, init: RequestInit): Promise<Response> => {
    const { connections = 8, caCerts } = this.#options;
    this.#client ??= Deno.createHttpClient({
      http2: false,
      poolMaxIdlePerHost: connections,
      ...(caCerts === undefined ? {} : { caCerts: [...caCerts] }),
    });
    return fetch(request, { ...init, client: this.#client } as RequestInit);
  };

  /** Closes the connections. */
  [Symbol.dispose](): void {
    this.#client?.close();
    this.#client = undefined;
  }
}
