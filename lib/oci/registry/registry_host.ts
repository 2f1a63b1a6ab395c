/**
 * The connection to one registry: its address, its HTTP client, its pace, its habits.
 *
 * Invariants: how it is spoken to may show at the first request, so that URLs that were made before are brought up to date when they are
 * used. What sends bodies is loaded by the first upload.
 *
 * @module
 */
import type { Side } from "../../base/errors.ts";
import type { Meter } from "../../base/meter.ts";
import type { Redactor } from "../../base/redactor.ts";
import { Turns } from "../../base/turns.ts";
import { HttpClient, type HttpClientOptions } from "../../http/client.ts";
import type { Requester } from "../../http/requester.ts";
import { defaultRetryPolicy, isBusyStatus, type RetryPolicy } from "../../http/retry_policy.ts";
import type { UploadRequest } from "../../http/upload.ts";
import type { BlobHead } from "./blob_head.ts";
import type { BodySender } from "./body_sender.ts";
import { Connections, isDirect } from "./connections.ts";
import type { Credentials } from "./credentials.ts";
import {
  type Memory,
  noMemory,
  recallHabits,
  rememberHabits,
  specHabits,
  type UploadHabits,
} from "../memory.ts";
import { Pace } from "../../http/pace.ts";
import { RegistryAccess, type RegistryAction, type RegistryRequest } from "./registry_access.ts";
import { RegistryOrigin } from "./registry_origin.ts";
import { ResumeProof } from "./resume_proof.ts";

/** What a {@linkcode RegistryHost} is made of. */
export interface RegistryHostOptions {
  /** Host and, where there is one, port. */
  host: string;
  /** Whether it speaks plain HTTP, and nothing else. @default {that of a loopback host shows} */
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

/** What a run learned of a registry. */
export type LearnedHabits = Partial<UploadHabits> & {
  /** How many requests at once it was last trusted with. */
  readonly atOnce: number;
};

/** Speaks to one registry. */
export class RegistryHost implements Disposable {
  /** Host and port, as in references. */
  readonly host: string;
  /** Which side of a transfer it is. */
  readonly side: Side | undefined;
  /** How much may be asked for at a time. */
  readonly pace: Pace;
  /** Where habits and uploads are remembered. */
  readonly memory: Memory;
  /** How requests are tried again. */
  readonly retry: RetryPolicy;
  /** Ends every request, but for an upload. */
  readonly signal: AbortSignal | undefined;
  /** Whether it is still to be found out if uploads can be gone on with. */
  readonly resumeProof: ResumeProof = new ResumeProof(() => this.shown.resumes !== undefined);
  /** What it told of blobs, by repository and digest; whoever brings one there takes it away. */
  readonly told: Map<string, Promise<BlobHead | undefined>> = new Map();
  /** Whether it answers to HEAD, as far as it showed; a proxy before it may pass on GET alone. */
  answersHead: boolean = true;
  /** Whose turn it is to change what has to be read before it is written. */
  readonly turns: Turns = new Turns();
  #shown: Partial<UploadHabits> | undefined;
  #isAsked = false;
  #origin: RegistryOrigin;
  #shared: HttpClientOptions;
  #http: HttpClient;
  #sender: BodySender | undefined;
  #access: RegistryAccess;
  #connections = new Connections();

  /** Connects to nothing yet. */
  constructor(options: RegistryHostOptions) {
    this.host = options.host;
    this.#origin = new RegistryOrigin(options);
    this.side = options.side;
    this.pace = new Pace(startConcurrency, options.concurrency ?? mostConcurrency);
    this.memory = options.memory ?? noMemory;
    this.retry = options.retry ?? defaultRetryPolicy;
    this.signal = options.signal;
    this.#shared = {
      ...(options.meter === undefined ? {} : { meter: options.meter }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      retry: this.retry,
      ...(options.side === undefined ? {} : { side: options.side }),
    };
    this.#http = new HttpClient({ ...this.#shared, fetch: (url, init) => this.#fetch(url, init) });
    this.#access = new RegistryAccess({ ...options, origin: this.#origin, http: this.#http });
  }

  /** The URL that all paths of the API are relative to, ending in `/v2/`. */
  get base(): URL {
    return this.#origin.base;
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
    const wanted = this.#origin.current(url);
    return await this.#access.request(repository, wanted, request, (headers, accept) => {
      const { may: _may, from: _from, ...plain } = request;
      return this.#http.request(wanted, { ...plain, headers, accept });
    });
  }

  /** How many requests for tokens a request takes that is planned now, and no other that was planned before. */
  async planTokens(
    repository: string,
    request: Pick<RegistryRequest, "may" | "from">,
  ): Promise<number> {
    return await this.#access.planTokens(repository, request);
  }

  /** What sends the requests of a whole download, each to the registry itself authorized. */
  authorized(repository: string, may: RegistryAction): Requester {
    return { request: (url, request) => this.request(repository, url, { ...request, may }) };
  }

  /** Sends a body with its Content-Length: a small one at once, a large one as a stream. */
  async upload(
    repository: string,
    url: string | URL,
    request: UploadRequest,
  ): Promise<Response> {
    const { BodySender } = await import("./body_sender.ts");
    const sender = this.#sender ??= new BodySender({
      ...this.#shared,
      fetch: (url, init) => this.#send(url, init),
    });
    const wanted = { ...request, may: "pull,push" as const, body: "" };
    const current = this.#origin.current(url);
    return await this.#access.request(
      repository,
      current,
      wanted,
      async (headers, accept) => {
        const response = await sender.send(current, { ...request, headers, accept });
        this.noteStatus(response.status);
        return response;
      },
    );
  }

  /** How it takes uploads: what it showed, and for the rest what the specification says. */
  get habits(): UploadHabits {
    return { ...specHabits, ...this.shown };
  }

  /** What it showed of how it takes uploads, in this run or an earlier one. */
  get shown(): Partial<UploadHabits> {
    return this.#shown ??= recallHabits(this.memory, this.host);
  }

  /** Remembers what it showed. */
  learn(learned: Partial<UploadHabits>): void {
    this.#shown = { ...this.shown, ...learned };
    rememberHabits(this.memory, this.host, this.#shown);
  }

  /**
   * How many requests at once it was last trusted with, and what it showed of its habits where it was written; `undefined` where it
   * was not asked.
   */
  get learned(): LearnedHabits | undefined {
    if (!this.#isAsked) return undefined;
    return { ...this.side === "source" ? {} : this.shown, atOnce: this.pace.whole };
  }

  /** Takes note of an answer, so that the pace follows. */
  noteStatus(status: number): void {
    this.#isAsked = true;
    if (isBusyStatus(status)) this.pace.refused();
    else if (status < 500) this.pace.went();
  }

  /** Closes the connections. */
  [Symbol.dispose](): void {
    this.#sender?.[Symbol.dispose]();
    this.#connections[Symbol.dispose]();
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    try {
      const response = await this.#send(url, init);
      this.noteStatus(response.status);
      this.#access.tried(response.status);
      return response;
    } catch (error) {
      this.#access.tried();
      if (!isDirect(new URL(url))) throw error;
      const { fetchFailure } = await import("../../http/fetch_failure.ts");
      throw fetchFailure(error, url, true);
    }
  }

  async #send(url: string, init: RequestInit): Promise<Response> {
    return await this.#origin.send(url, init, (next, how) => {
      return fetch(next, { ...how, client: this.#connections.of(next) });
    });
  }
}
