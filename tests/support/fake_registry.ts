/**
 * A registry of the distribution specification 1.1, in this process and in memory. It is well-behaved unless it is told to misbehave,
 * by the name of a quirk that some registry has.
 *
 * @module
 */
import { delay } from "@std/async";
import { encodeBase64 } from "@std/encoding";
import { drain, problem, tooMany } from "./fake_registry/answers.ts";
import { FakeBlobs } from "./fake_registry/blobs.ts";
import { RegistryGround } from "./fake_registry/ground.ts";
import { FakeManifests } from "./fake_registry/manifests.ts";
import type { FakeRegistryOptions, Faults, Quirk } from "./fake_registry/options.ts";
import type { FakeRegistryStore } from "./fake_registry/store.ts";
import { FakeUploads } from "./fake_registry/uploads.ts";

export type { FakeRegistryOptions, Faults, Quirk } from "./fake_registry/options.ts";

/** A request that was answered. */
export interface SeenRequest {
  /** The method. */
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** The status of the answer. */
  readonly status: number;
  /** The Range header, where there was one. */
  readonly range: string | null;
  /** The Authorization header's scheme, where there was one. */
  readonly scheme: string | null;
  /** How many were under way when it came, itself among them. */
  readonly atOnce: number;
}

/** A running registry. */
export class FakeRegistry implements AsyncDisposable {
  /** What was asked, in order. */
  readonly requests: SeenRequest[] = [];
  #ground: RegistryGround;
  #blobs: FakeBlobs;
  #uploads: FakeUploads;
  #manifests: FakeManifests;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #tokens = 1;
  #seen = 0;
  #underWay = 0;
  #waiting: (() => void)[] = [];

  /** Starts listening on loopback. */
  constructor(options: FakeRegistryOptions = {}) {
    this.#ground = new RegistryGround(options);
    this.#blobs = new FakeBlobs(this.#ground, () => this.#server.addr.port);
    this.#uploads = new FakeUploads(this.#ground);
    this.#manifests = new FakeManifests(this.#ground);
    this.#server = Deno.serve(
      {
        hostname: "127.0.0.1",
        port: options.port ?? 0,
        onListen() {},
        onError: () => new Response(null, { status: 499 }),
      },
      (request) => this.#serve(request),
    );
  }

  /** What it holds. */
  get store(): FakeRegistryStore {
    return this.#ground.store;
  }

  /** What goes wrong; may be changed while it runs. */
  get faults(): Faults {
    return this.#ground.faults;
  }

  /** How it misbehaves; may be changed while it runs. */
  get quirks(): Set<Quirk> {
    return this.#ground.quirks;
  }

  /** What is waited for before a range fails that is beyond the last ones (`faults.lastRanges`). */
  set beforeLoss(wait: () => Promise<void>) {
    this.#ground.beforeLoss = wait;
  }

  /** Bytes of blobs that were sent out; may be set. */
  get sentBytes(): number {
    return this.#ground.sentBytes;
  }
  set sentBytes(bytes: number) {
    this.#ground.sentBytes = bytes;
  }

  /** Bytes of blobs that came in; may be set. */
  get receivedBytes(): number {
    return this.#ground.receivedBytes;
  }
  set receivedBytes(bytes: number) {
    this.#ground.receivedBytes = bytes;
  }

  /** `127.0.0.1:port`. */
  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  /** `http://127.0.0.1:port`. */
  get url(): string {
    return `http://${this.host}`;
  }

  /** The requests so far as `METHOD path status`, digests shortened. */
  get log(): string[] {
    return this.requests.map(({ method, path, status }) =>
      `${method} ${path.replace(/(sha256(?::|%3A)[0-9a-f]{6})[0-9a-f]{58}/g, "$1")} ${status}`
    );
  }

  /** How many requests are under way. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Waits until no request is under way: what a client gave up may still be coming in. */
  async idle(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((tell) => this.#waiting.push(tell));
  }

  /** Stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#blobs[Symbol.dispose]();
    await this.#server.shutdown();
  }

  async #serve(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const { latencyMs, before, mostAtOnce = () => Infinity } = this.#ground.options;
    const atOnce = ++this.#underWay;
    const isRefused = atOnce > mostAtOnce(this.#seen++);
    if (latencyMs && !isRefused) await delay(latencyMs);
    if (!isRefused) await before?.(request);
    let response: Response;
    try {
      response = isRefused ? await tooMany(request) : await this.#answer(request, url);
    } finally {
      if (--this.#underWay === 0) { for (const tell of this.#waiting.splice(0)) tell(); }
    }
    this.requests.push({
      atOnce,
      method: request.method,
      path: url.pathname + url.search,
      status: response.status,
      range: request.headers.get("range"),
      scheme: request.headers.get("authorization")?.split(" ")[0] ?? null,
    });
    return response;
  }

  async #answer(request: Request, url: URL): Promise<Response> {
    if (this.quirks.has("html")) {
      return new Response("<!DOCTYPE html><title>Welcome</title>", {
        headers: { "content-type": "text/html" },
      });
    }
    if (url.pathname === "/token") return this.#token(request);
    if (url.pathname.startsWith("/signed/")) return await this.#blobs.signed(request, url);
    if (this.#ground.fails("tooMany")) return await tooMany(request);
    if (this.#ground.fails("unavailable")) return problem(503, "UNAVAILABLE");
    const refusal = this.#authorize(request, url);
    if (refusal !== undefined) {
      await drain(request);
      return refusal;
    }
    if (request.method === "HEAD" && this.quirks.has("no-head")) return problem(405, "UNSUPPORTED");
    if (url.pathname === "/v2/") return new Response("{}");
    const match = /^\/v2\/(.+?)\/(blobs\/uploads|blobs|manifests|tags|referrers)\/(.*)$/
      .exec(url.pathname);
    if (match === null) return problem(404, "UNSUPPORTED");
    const [, repository, kind, rest] = match as unknown as [string, string, string, string];
    switch (kind) {
      case "blobs/uploads":
        return await this.#uploads.answer(request, url, repository, rest);
      case "blobs":
        return await this.#blobs.answer(request, repository, rest);
      case "manifests":
        return await this.#manifests.answer(request, repository, decodeURIComponent(rest));
      case "tags":
        return this.#manifests.tags(url, repository);
      default:
        return this.#manifests.referrers(url, repository, rest);
    }
  }

  #authorize(request: Request, url: URL): Response | undefined {
    const { user, token: byToken } = this.#ground.options;
    if (user === undefined && !byToken) return undefined;
    const expires = this.#ground.fails("expireToken") ||
      (request.method === "PUT" && this.#ground.fails("expireTokenAtPut"));
    if (expires) this.#tokens++;
    const expected = byToken
      ? `Bearer ${this.#tokenNow}`
      : `Basic ${encodeBase64(`${user!.name}:${user!.password}`)}`;
    if (request.headers.get("authorization") === expected) return undefined;
    const name = /^\/v2\/(.+?)\/(?:blobs|manifests|tags|referrers)\//.exec(url.pathname)?.[1];
    const challenge = byToken
      ? `Bearer realm="${this.url}/token",service="fake",scope="repository:${name}:pull"`
      : 'Basic realm="fake"';
    return problem(401, "UNAUTHORIZED", { "www-authenticate": challenge });
  }

  get #tokenNow(): string {
    return `token-${this.#tokens}-of-the-fake-registry`;
  }

  #token(request: Request): Response {
    const { user } = this.#ground.options;
    const expected = user && `Basic ${encodeBase64(`${user.name}:${user.password}`)}`;
    const given = request.headers.get("authorization");
    if (user !== undefined && request.method === "GET" && given !== expected) {
      return problem(401, "UNAUTHORIZED");
    }
    return Response.json({
      token: this.#tokenNow,
      expires_in: 300,
      ...this.#ground.options.tokenAnswer,
    });
  }
}
