/**
 * The connection to one registry: its address, its authorization, its HTTP client.
 *
 * Invariants: a loopback registry is spoken to in plain HTTP, any other only when it was named as insecure; Authorization goes to the
 * registry's own origin alone; a 401 is answered once for each request; a refusal says the true status, the host and the scope.
 *
 * @module
 */
import { NotAllowedError, type Side } from "../base/errors.ts";
import type { Meter } from "../base/meter.ts";
import type { Redactor } from "../base/redactor.ts";
import { bodyStart } from "../http/body_start.ts";
import { HttpClient, type HttpClientOptions, type HttpRequest } from "../http/client.ts";
import { defaultRetryPolicy, type RetryPolicy } from "../http/retry_policy.ts";
import type { UploadRequest } from "../http/upload.ts";
import { type Credentials, findCredentials } from "./credentials.ts";
import {
  type Memory,
  noMemory,
  recallHabits,
  rememberHabits,
  type UploadHabits,
} from "./memory.ts";
import { fetchFailure } from "./fetch_failure.ts";
import { isLoopback } from "./is_loopback.ts";
import { Pace } from "./pace.ts";
import { registryMessage } from "./registry_message.ts";
import { BodySender } from "./body_sender.ts";
import { RegistryAuth } from "./registry_auth.ts";

/** What a {@linkcode RegistryHost} is made of. */
export interface RegistryHostOptions {
  /** Host and, where there is one, port. */
  host: string;
  /** Whether plain HTTP is spoken to a host that is not loopback. @default {false} */
  insecure?: boolean | undefined;
  /** Told of requests and retries. */
  meter?: Meter | undefined;
  /** How requests are tried again. */
  retry?: RetryPolicy | undefined;
  /** Which side of a transfer the registry is on. */
  side?: Side | undefined;
  /** Learns passwords and tokens. */
  redactor?: Redactor | undefined;
  /** Finds the credentials for a repository. @default {those of the environment, docker and podman} */
  credentials?: ((repository: string) => Promise<Credentials | undefined>) | undefined;
  /** The most that may be asked for at a time. @default {16} */
  concurrency?: number | undefined;
  /** Where habits and uploads are remembered. @default {nowhere} */
  memory?: Memory | undefined;
  /** Ends every request, but for an upload, which has a signal of its own. */
  signal?: AbortSignal | undefined;
}

const startConcurrency = 8;
const mostConcurrency = 16;

/** What may be done to a repository. */
export type RegistryAction = "pull" | "pull,push" | "delete";

/** A request to a repository. */
export interface RegistryRequest extends HttpRequest {
  /** What it needs to be allowed. @default {"pull"} */
  may?: RegistryAction;
  /** A second repository that is read, in a mount. */
  from?: string;
}

/** Speaks to one registry. */
export class RegistryHost implements Disposable {
  /** Host and port, as in references. */
  readonly host: string;
  /** The URL that all paths of the API are relative to, ending in `/v2/`. */
  readonly base: URL;
  /** Which side of a transfer it is. */
  readonly side: Side | undefined;
  /** How much may be asked for at a time. */
  readonly pace: Pace;
  /** Where habits and uploads are remembered. */
  readonly memory: Memory;
  /** How requests are tried again. */
  readonly retry: RetryPolicy;
  #habits: UploadHabits | undefined;
  #shared: HttpClientOptions;
  #http: HttpClient;
  #sender: BodySender;
  #auth: RegistryAuth;
  #client: Deno.HttpClient | undefined;
  #found = new Map<string, Promise<Credentials | undefined>>();

  /** Connects to nothing yet. */
  constructor(options: RegistryHostOptions) {
    const { host } = options;
    const plain = isLoopback(host) || options.insecure === true;
    this.host = host;
    this.base = new URL(
      `${plain ? "http" : "https"}://${host === "docker.io" ? "registry-1.docker.io" : host}/v2/`,
    );
    this.side = options.side;
    this.pace = new Pace(startConcurrency, options.concurrency ?? mostConcurrency);
    this.memory = options.memory ?? noMemory;
    this.retry = options.retry ?? defaultRetryPolicy;
    const shared = this.#shared = {
      ...(options.meter === undefined ? {} : { meter: options.meter }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      retry: this.retry,
      ...(options.side === undefined ? {} : { side: options.side }),
    };
    this.#http = new HttpClient({ ...shared, fetch: (url, init) => this.#fetch(url, init) });
    this.#sender = new BodySender({ ...shared, fetch: (url, init) => this.#send(url, init) });
    const find = options.credentials ?? ((repository) =>
      findCredentials(host, repository, {
        redactor: options.redactor,
        signal: options.signal,
      }));
    this.#auth = new RegistryAuth({
      host,
      plain,
      http: this.#http,
      redactor: options.redactor,
      credentials: (repository) => {
        const known = this.#found.get(repository);
        if (known !== undefined) return known;
        const found = find(repository);
        this.#found.set(repository, found);
        return found;
      },
    });
  }

  /**
   * Sends a request to the registry, or to a URL that it gave.
   *
   * @throws {NotAllowedError} if it is refused for want of rights
   * @throws the other errors of {@linkcode HttpClient.request}
   */
  async request(
    repository: string,
    url: string | URL,
    request: RegistryRequest = {},
  ): Promise<Response> {
    return await this.#authorized(repository, url, request, (headers, accept) => {
      const { may: _may, from: _from, ...plain } = request;
      return this.#http.request(url, { ...plain, headers, accept });
    });
  }

  /** A client for a whole download, of which each request to the registry itself is authorized. */
  authorizedClient(repository: string, may: RegistryAction): HttpClient {
    const scopes = scopesOf(repository, { may });
    return new HttpClient({
      ...this.#shared,
      fetch: async (url, init) => {
        if (new URL(url).origin !== this.base.origin) return await this.#fetch(url, init);
        const headers = new Headers(init.headers);
        const send = async (authorization: string | undefined) => {
          if (authorization !== undefined) headers.set("authorization", authorization);
          return await this.#fetch(url, { ...init, headers });
        };
        const authorization = await this.#auth.header(repository, scopes);
        const response = await send(authorization);
        if (response.status !== 401) return response;
        const renewed = await this.#auth.renew(response, repository, scopes, authorization);
        if (renewed === undefined) return response;
        await response.body?.cancel();
        this.#shared.meter?.request();
        return await send(renewed);
      },
    });
  }

  /** Sends a body with its Content-Length: a small one at once, a large one as a stream. */
  async upload(
    repository: string,
    url: string | URL,
    request: UploadRequest,
  ): Promise<Response> {
    const wanted = { ...request, may: "pull,push" as const, body: "" };
    return await this.#authorized(
      repository,
      url,
      wanted,
      async (headers, accept) => {
        const response = await this.#sender.send(url, { ...request, headers, accept });
        this.noteStatus(response.status);
        return response;
      },
    );
  }

  /** How it takes uploads, as far as is known. */
  get habits(): UploadHabits {
    return this.#habits ??= recallHabits(this.memory, this.host);
  }

  /** Remembers what it showed of its habits. */
  learn(learned: Partial<UploadHabits>): void {
    this.#habits = { ...this.habits, ...learned };
    rememberHabits(this.memory, this.host, this.#habits);
  }

  /** Takes note of an answer, so that the pace follows. */
  noteStatus(status: number): void {
    if (status === 429 || status === 503) this.pace.refused();
    else if (status < 500) this.pace.went();
  }

  /** Closes the connections. */
  [Symbol.dispose](): void {
    this.#sender[Symbol.dispose]();
    this.#client?.close();
    this.#client = undefined;
  }

  async #authorized(
    repository: string,
    url: string | URL,
    request: RegistryRequest,
    send: (headers: Record<string, string>, accept: number[]) => Promise<Response>,
  ): Promise<Response> {
    const scopes = scopesOf(repository, request);
    const own = new URL(url).origin === this.base.origin;
    let authorization = own ? await this.#auth.header(repository, scopes) : undefined;
    const accept = [...(request.accept ?? []), 401, 403];
    for (let tried = 1;; tried++) {
      const response = await send(
        { ...request.headers, ...(authorization === undefined ? {} : { authorization }) },
        accept,
      );
      const { status } = response;
      if (status !== 401 && status !== 403) return response;
      const elsewhere = response.url !== "" && new URL(response.url).origin !== this.base.origin;
      if (elsewhere && tried < 3) {
        // A signed URL that ran out: the next try resolves the redirect anew.
        await response.body?.cancel();
        continue;
      }
      if (status === 401 && own && !elsewhere && tried < 2) {
        const renewed = await this.#auth.renew(response, repository, scopes, authorization);
        if (renewed !== undefined) {
          await response.body?.cancel();
          authorization = renewed;
          continue;
        }
      }
      throw await this.#refusal(response, repository, request, scopes, authorization);
    }
  }

  async #refusal(
    response: Response,
    repository: string,
    request: RegistryRequest,
    scopes: readonly string[],
    authorization: string | undefined,
  ): Promise<NotAllowedError> {
    const reason = registryMessage(await bodyStart(response, 4096));
    return new NotAllowedError(
      `Cannot ${request.action ?? request.method ?? "GET"} "${this.host}/${repository}": ` +
        `the registry answered ${response.status}${reason === "" ? "" : ` (${reason})`}`,
      {
        hint: authorization === undefined
          ? `log in first: docker login ${this.host}`
          : `the account lacks the scope ${scopes[0]}`,
        data: { status: response.status, host: this.host, scope: scopes.join(" ") },
        ...(this.side === undefined ? {} : { side: this.side }),
      },
    );
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const response = await this.#send(url, init);
    this.noteStatus(response.status);
    return response;
  }

  async #send(url: string, init: RequestInit): Promise<Response> {
    this.#client ??= Deno.createHttpClient({ http2: false, poolMaxIdlePerHost: 32 });
    try {
      return await fetch(url, { ...init, client: this.#client });
    } catch (error) {
      throw fetchFailure(error, url);
    }
  }
}

function scopesOf(repository: string, request: RegistryRequest): string[] {
  const scopes = [`repository:${repository}:${request.may ?? "pull"}`];
  if (request.from !== undefined && request.from !== repository) {
    scopes.push(`repository:${request.from}:pull`);
  }
  return scopes;
}
