/**
 * A registry of the distribution specification 1.1, in this process and in memory. It is well-behaved unless it is told to misbehave,
 * by the name of a quirk that some registry has.
 *
 * @module
 */
import { delay } from "@std/async";
import { encodeBase64 } from "@std/encoding";
import { sha256 } from "../../lib/base/digest.ts";
import { MediaType } from "../../lib/oci/media_type.ts";
import { FakeRegistryStore, type FakeUpload } from "./fake_registry_store.ts";

/** The ways in which registries misbehave. */
export type Quirk =
  /** A PATCH answers 201, and the upload's Range stays at its first chunk (ECR). */
  | "stale-range"
  /** A PATCH is taken up to 200 000 bytes, of which only its Range tells. */
  | "short-chunks"
  /** A PATCH is taken up to 200 000 bytes, and what was more is 416. */
  | "short-chunks-416"
  /** Only whole blobs in one PUT: PATCH is not allowed (GAR, GCR). */
  | "no-chunks"
  /** Who may push may not give an upload up (docker-registry with tokens, which wants the right to delete for it). */
  | "no-cancel"
  /** The state of an upload cannot be asked, nor an upload be continued by another connection (ACR). */
  | "no-resume"
  /** Who may push may not ask for the state of an upload. */
  | "no-asking"
  /** A range without an end, or with one beyond the blob, is 416 (crane's registry). */
  | "open-range-416"
  /** Ranges are ignored: the whole blob comes (a cold pull-through mirror). */
  | "ignore-range"
  /** A range comes up to 300 000 bytes, and its Content-Range says so (a cache that keeps slices). */
  | "short-range"
  /** A range comes byte by byte. */
  | "tiny-range"
  /** Several ranges at once are 501 (GHCR). */
  | "multi-range-501"
  /** A cut PATCH loses its upload session (distribution). */
  | "fragile-sessions"
  /** Mounts open an upload instead (GAR). */
  | "no-mount"
  /** Mounts are refused, and open no upload (Quay without a source, small registries). */
  | "mount-refused"
  /** There is no referrers API. */
  | "no-referrers"
  /** What is told of a blob leaves its size out (a proxy that packs what it passes on). */
  | "no-head-length"
  /** Docker-Content-Digest is left out. */
  | "no-digest-header"
  /** Docker-Content-Digest lies. */
  | "lying-digest-header"
  /** Blobs are redirected to a signed URL of another host. */
  | "redirect"
  /** All answers are an HTML page with the status 200. */
  | "html";

const mostOfShortChunk = 200_000;
const mostOfShortRange = 300_000;

/** How often something goes wrong: each counts down to none. */
export interface Faults {
  /** Answers 429 with Retry-After: 0. */
  tooMany?: number;
  /** Answers 503. */
  unavailable?: number;
  /** Cuts the body of a blob in its middle. */
  cutBody?: number;
  /** So many ranges are still given; then every one is 500. */
  lastRanges?: number;
  /** Gives a blob with a flipped bit. */
  wrongBlob?: number;
  /** Stops sending in the middle of a blob, and says nothing more. */
  stall?: number;
  /** The token runs out just before a request. */
  expireToken?: number;
  /** The token runs out just before a PUT. */
  expireTokenAtPut?: number;
  /** Loses the upload at a PATCH or PUT. */
  loseUpload?: number;
  /** Loses the upload when its state is asked for. */
  loseAskedUpload?: number;
  /** Answers 500 when the state of an upload is asked for. */
  failAsked?: number;
  /** The signed URL of a redirect answers 403. */
  expireUrl?: number;
  /** Finds a part of an index empty, since another request is putting it anew (docker-registry 2). */
  halfManifest?: number;
}

/** How a registry is started. */
export interface FakeRegistryOptions {
  /** A user and a password that it asks for. */
  user?: { name: string; password: string };
  /** Whether it sends its clients to its own token server, rather than ask for Basic. @default {false} */
  token?: boolean;
  /** What its token server says beside or instead of what it should. */
  tokenAnswer?: Record<string, unknown>;
  /** How it misbehaves. */
  quirks?: readonly Quirk[];
  /** How often something goes wrong. */
  faults?: Faults;
  /** The smallest chunk that it takes, in bytes; sent as OCI-Chunk-Min-Length. */
  minChunkBytes?: number;
  /** How long each answer is held back, in milliseconds. */
  latencyMs?: number;
  /** How many requests it takes at once, once it has seen so many; the others are 429 with Retry-After: 0. @default {any number} */
  mostAtOnce?: (seen: number) => number;
  /** How many tags a page has. @default {100} */
  tagsPerPage?: number;
  /** The port. @default {a free one} */
  port?: number;
}

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
  /** What it holds. */
  readonly store: FakeRegistryStore = new FakeRegistryStore();
  /** What was asked, in order. */
  readonly requests: SeenRequest[] = [];
  /** What goes wrong; may be changed while it runs. */
  readonly faults: Faults;
  /** How it misbehaves; may be changed while it runs. */
  readonly quirks: Set<Quirk>;
  /** Bytes of blobs that were sent out. */
  sentBytes = 0;
  /** Bytes of blobs that came in. */
  receivedBytes = 0;
  #options: FakeRegistryOptions;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #tokens = 1;
  #seen = 0;
  #underWay = 0;
  #stalled = new Set<() => void>();
  #waiting: (() => void)[] = [];

  /** Starts listening on loopback. */
  constructor(options: FakeRegistryOptions = {}) {
    this.#options = options;
    this.faults = { ...options.faults };
    this.quirks = new Set(options.quirks);
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

  /** Waits until no request is under way: what a client gave up may still be coming in. */
  async idle(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((tell) => this.#waiting.push(tell));
  }

  /** Stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const release of this.#stalled) release();
    await this.#server.shutdown();
  }

  async #serve(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const { latencyMs, mostAtOnce = () => Infinity } = this.#options;
    const atOnce = ++this.#underWay;
    const isRefused = atOnce > mostAtOnce(this.#seen++);
    if (latencyMs && !isRefused) await delay(latencyMs);
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
    if (url.pathname.startsWith("/signed/")) return await this.#signed(request, url);
    if (this.#fails("tooMany")) return await tooMany(request);
    if (this.#fails("unavailable")) return problem(503, "UNAVAILABLE");
    const refusal = this.#authorize(request, url);
    if (refusal !== undefined) {
      await drain(request);
      return refusal;
    }
    if (url.pathname === "/v2/") return new Response("{}");
    const match = /^\/v2\/(.+?)\/(blobs\/uploads|blobs|manifests|tags|referrers)\/(.*)$/
      .exec(url.pathname);
    if (match === null) return problem(404, "UNSUPPORTED");
    const [, repository, kind, rest] = match as unknown as [string, string, string, string];
    switch (kind) {
      case "blobs/uploads":
        return await this.#upload(request, url, repository, rest);
      case "blobs":
        return await this.#blob(request, repository, rest);
      case "manifests":
        return await this.#manifest(request, repository, decodeURIComponent(rest));
      case "tags":
        return this.#tags(url, repository);
      default:
        return this.#referrers(url, repository, rest);
    }
  }

  #fails(fault: keyof Faults): boolean {
    const left = this.faults[fault] ?? 0;
    if (left <= 0) return false;
    this.faults[fault] = left - 1;
    return true;
  }

  #authorize(request: Request, url: URL): Response | undefined {
    const { user, token: byToken } = this.#options;
    if (user === undefined && !byToken) return undefined;
    const expires = this.#fails("expireToken") ||
      (request.method === "PUT" && this.#fails("expireTokenAtPut"));
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
    const { user } = this.#options;
    const expected = user && `Basic ${encodeBase64(`${user.name}:${user.password}`)}`;
    const given = request.headers.get("authorization");
    if (user !== undefined && request.method === "GET" && given !== expected) {
      return problem(401, "UNAUTHORIZED");
    }
    return Response.json({
      token: this.#tokenNow,
      expires_in: 300,
      ...this.#options.tokenAnswer,
    });
  }

  async #blob(request: Request, repository: string, digest: string): Promise<Response> {
    const bytes = this.store.repositories.get(repository)?.blobs.has(digest)
      ? this.store.blobs.get(digest)
      : undefined;
    if (bytes === undefined) return problem(404, "BLOB_UNKNOWN");
    if (request.method === "DELETE") {
      this.store.repository(repository).blobs.delete(digest);
      return new Response(null, { status: 202 });
    }
    if (this.quirks.has("redirect") && request.method === "GET") {
      await drain(request);
      return new Response(null, {
        status: 307,
        headers: {
          location:
            `http://localhost:${this.#server.addr.port}/signed/${digest}?signature=${crypto.randomUUID()}`,
        },
      });
    }
    return this.#content(request, bytes, digest);
  }

  async #signed(request: Request, url: URL): Promise<Response> {
    await drain(request);
    if (this.#fails("expireUrl")) return problem(403, "EXPIRED");
    const digest = url.pathname.slice("/signed/".length);
    return this.#content(request, this.store.blobs.get(digest)!, digest);
  }

  #content(request: Request, whole: Uint8Array<ArrayBuffer>, digest: string): Response {
    const headers = new Headers({ "content-type": "application/octet-stream" });
    if (!this.quirks.has("no-digest-header")) headers.set("docker-content-digest", digest);
    const range = this.quirks.has("ignore-range") ? null : request.headers.get("range");
    let bytes = whole;
    let status = 200;
    if (range !== null && this.faults.lastRanges !== undefined && !this.#fails("lastRanges")) {
      return problem(500, "UNKNOWN");
    }
    if (range !== null && request.method === "GET") {
      const parsed = parseRange(range, whole.byteLength, this.quirks);
      if (typeof parsed === "number") return problem(parsed, "RANGE_INVALID");
      bytes = whole.subarray(parsed.start, parsed.end + 1);
      status = 206;
      headers.set("content-range", `bytes ${parsed.start}-${parsed.end}/${whole.byteLength}`);
    }
    headers.set("content-length", String(bytes.byteLength));
    if (request.method === "HEAD" && this.quirks.has("no-head-length")) {
      headers.delete("content-length");
      return new Response(new Blob([]).stream(), { status, headers });
    }
    if (request.method === "HEAD") return new Response(null, { status, headers });
    if (this.#fails("wrongBlob")) {
      bytes = bytes.slice();
      bytes[bytes.byteLength >> 1]! ^= 1;
    }
    const half = bytes.byteLength >> 1;
    if (this.#fails("cutBody")) {
      return new Response(broken(bytes.subarray(0, half)), { status, headers });
    }
    if (this.#fails("stall")) {
      return new Response(this.#hanging(bytes.subarray(0, half)), { status, headers });
    }
    this.sentBytes += bytes.byteLength;
    return new Response(bytes, { status, headers });
  }

  #hanging(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
    return new ReadableStream({
      start: (controller) => {
        controller.enqueue(bytes);
        this.#stalled.add(() => controller.error(new Error("stopped")));
      },
    });
  }

  async #upload(
    request: Request,
    url: URL,
    repository: string,
    id: string,
  ): Promise<Response> {
    if (request.method === "POST") {
      await drain(request);
      return this.#openUpload(url, repository);
    }
    const upload = this.store.uploads.get(id);
    if (upload === undefined || upload.repository !== repository) {
      await drain(request);
      return problem(404, "BLOB_UPLOAD_UNKNOWN");
    }
    switch (request.method) {
      case "GET":
        if (this.#fails("loseAskedUpload")) {
          this.store.uploads.delete(id);
          return problem(404, "BLOB_UPLOAD_UNKNOWN");
        }
        if (this.#fails("failAsked")) return problem(500, "UNKNOWN");
        if (this.quirks.has("no-asking")) return problem(403, "DENIED");
        if (this.quirks.has("no-resume")) return problem(404, "BLOB_UPLOAD_INVALID");
        return this.#uploadState(204, repository, id, upload);
      case "DELETE":
        if (this.quirks.has("no-cancel")) return problem(403, "DENIED");
        this.store.uploads.delete(id);
        return new Response(null, { status: 204 });
      case "PATCH":
        return await this.#patch(request, repository, id, upload);
      case "PUT":
        return await this.#finishUpload(request, url, repository, id, upload);
      default:
        return problem(405, "UNSUPPORTED");
    }
  }

  #openUpload(url: URL, repository: string): Response {
    const mount = url.searchParams.get("mount");
    const from = url.searchParams.get("from");
    const known = from !== null && mount !== null &&
      this.store.repositories.get(from)?.blobs.has(mount);
    if (mount !== null && this.quirks.has("mount-refused")) return problem(405, "UNSUPPORTED");
    if (known && !this.quirks.has("no-mount")) {
      this.store.repository(repository).blobs.add(mount);
      return new Response(null, {
        status: 201,
        headers: { location: `/v2/${repository}/blobs/${mount}`, "docker-content-digest": mount },
      });
    }
    const id = crypto.randomUUID();
    const upload = { repository, pieces: [], size: 0 };
    this.store.uploads.set(id, upload);
    return this.#uploadState(202, repository, id, upload);
  }

  async #patch(
    request: Request,
    repository: string,
    id: string,
    upload: FakeUpload,
  ): Promise<Response> {
    if (this.quirks.has("no-chunks")) {
      await drain(request);
      return problem(405, "UNSUPPORTED");
    }
    const range = /^(\d+)-(\d+)$/.exec(request.headers.get("content-range") ?? "");
    if (range !== null && Number(range[1]) !== upload.size) {
      await drain(request);
      return problem(416, "BLOB_UPLOAD_INVALID");
    }
    if (this.#fails("loseUpload")) {
      await drain(request);
      this.store.uploads.delete(id);
      return problem(404, "BLOB_UPLOAD_UNKNOWN");
    }
    const before = upload.size;
    const isShort = this.quirks.has("short-chunks") || this.quirks.has("short-chunks-416");
    if (!await this.#take(request, upload, isShort ? mostOfShortChunk : Infinity)) {
      if (this.quirks.has("fragile-sessions")) this.store.uploads.delete(id);
      return problem(400, "BLOB_UPLOAD_INVALID");
    }
    if (this.quirks.has("short-chunks-416") && upload.size - before === mostOfShortChunk) {
      return problem(416, "BLOB_UPLOAD_INVALID");
    }
    return this.#uploadState(this.quirks.has("stale-range") ? 201 : 202, repository, id, upload);
  }

  async #finishUpload(
    request: Request,
    url: URL,
    repository: string,
    id: string,
    upload: FakeUpload,
  ): Promise<Response> {
    if (this.#fails("loseUpload")) {
      await drain(request);
      this.store.uploads.delete(id);
      return problem(404, "BLOB_UPLOAD_UNKNOWN");
    }
    if (!await this.#take(request, upload)) return problem(400, "BLOB_UPLOAD_INVALID");
    this.store.uploads.delete(id);
    const bytes = new Uint8Array(await new Blob(upload.pieces).arrayBuffer());
    if (sha256(bytes) !== url.searchParams.get("digest")) return problem(400, "DIGEST_INVALID");
    const digest = this.store.putBlob(repository, bytes);
    return new Response(null, {
      status: 201,
      headers: { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest },
    });
  }

  /** Takes a body; `false` if it was cut, what came before is kept, except by ECR, which takes chunks whole. */
  async #take(request: Request, upload: FakeUpload, most = Infinity): Promise<boolean> {
    const before = { count: upload.pieces.length, size: upload.size };
    try {
      for await (const piece of request.body ?? []) {
        const taken = piece.slice(0, Math.max(0, before.size + most - upload.size));
        upload.pieces.push(taken);
        upload.size += taken.byteLength;
        this.receivedBytes += piece.byteLength;
      }
      return true;
    } catch {
      if (this.quirks.has("stale-range")) {
        upload.pieces.length = before.count;
        upload.size = before.size;
      }
      return false;
    }
  }

  #uploadState(status: number, repository: string, id: string, upload: FakeUpload): Response {
    const shown = this.quirks.has("stale-range")
      ? upload.pieces.reduce((first, piece, index) => index === 0 ? piece.byteLength : first, 0)
      : upload.size;
    const headers = new Headers({
      location: `/v2/${repository}/blobs/uploads/${id}`,
      range: `0-${Math.max(0, shown - 1)}`,
      "docker-upload-uuid": id,
    });
    if (this.#options.minChunkBytes !== undefined) {
      headers.set("oci-chunk-min-length", String(this.#options.minChunkBytes));
    }
    return new Response(null, { status, headers });
  }

  async #manifest(request: Request, repository: string, reference: string): Promise<Response> {
    if (request.method === "PUT") return await this.#putManifest(request, repository, reference);
    await drain(request);
    const standing = this.store.repositories.get(repository);
    const digest = standing?.tags.get(reference) ?? reference;
    const manifest = standing?.manifests.get(digest);
    if (manifest === undefined) return problem(404, "MANIFEST_UNKNOWN");
    if (request.method === "DELETE") {
      if (standing!.tags.has(reference)) standing!.tags.delete(reference);
      else standing!.manifests.delete(digest);
      return new Response(null, { status: 202 });
    }
    const headers = new Headers({
      "content-type": manifest.mediaType,
      "content-length": String(manifest.bytes.byteLength),
      etag: `"${digest}"`,
    });
    if (this.quirks.has("lying-digest-header")) {
      headers.set("docker-content-digest", sha256("a lie"));
    } else if (!this.quirks.has("no-digest-header")) {
      headers.set("docker-content-digest", digest);
    }
    if (request.headers.get("if-none-match") === `"${digest}"`) {
      return new Response(null, { status: 304, headers });
    }
    return new Response(request.method === "HEAD" ? null : manifest.bytes, { headers });
  }

  async #putManifest(request: Request, repository: string, reference: string): Promise<Response> {
    const bytes = new Uint8Array(await request.arrayBuffer());
    let json: Record<string, unknown>;
    try {
      json = JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      return problem(400, "MANIFEST_INVALID");
    }
    if (json["manifests"] !== undefined && this.#fails("halfManifest")) {
      return problem(400, "DIGEST_INVALID");
    }
    if (this.store.missing(repository, json).length > 0) {
      return problem(404, "MANIFEST_BLOB_UNKNOWN");
    }
    const digest = sha256(bytes);
    const byDigest = reference.startsWith("sha256:");
    if (byDigest && reference !== digest) return problem(400, "DIGEST_INVALID");
    const mediaType = request.headers.get("content-type") ?? MediaType.ociManifest;
    this.store.putManifest(repository, { mediaType, bytes }, byDigest ? undefined : reference);
    const subject = (json["subject"] as { digest?: string } | undefined)?.digest;
    const headers = new Headers({
      location: `/v2/${repository}/manifests/${digest}`,
      "docker-content-digest": digest,
    });
    if (subject !== undefined && !this.quirks.has("no-referrers")) {
      headers.set("oci-subject", subject);
    }
    return new Response(null, { status: 201, headers });
  }

  #tags(url: URL, repository: string): Response {
    const standing = this.store.repositories.get(repository);
    if (standing === undefined) return problem(404, "NAME_UNKNOWN");
    const last = url.searchParams.get("last");
    const all = [...standing.tags.keys()].sort();
    const left = last === null ? all : all.filter((tag) => tag > last);
    const page = left.slice(0, this.#options.tagsPerPage ?? 100);
    const headers = new Headers();
    if (page.length < left.length) {
      headers.set("link", `</v2/${repository}/tags/list?last=${page.at(-1)}>; rel="next"`);
    }
    return Response.json({ name: repository, tags: page }, { headers });
  }

  #referrers(url: URL, repository: string, digest: string): Response {
    if (this.quirks.has("no-referrers")) return problem(404, "UNSUPPORTED");
    const wanted = url.searchParams.get("artifactType");
    const manifests = [...this.store.repositories.get(repository)?.manifests ?? []].flatMap(
      ([own, { bytes, mediaType }]) => {
        const json = JSON.parse(new TextDecoder().decode(bytes));
        if (json.subject?.digest !== digest) return [];
        const artifactType = json.artifactType ?? json.config?.mediaType;
        if (wanted !== null && artifactType !== wanted) return [];
        const { annotations } = json;
        return [{ mediaType, digest: own, size: bytes.byteLength, artifactType, annotations }];
      },
    );
    const headers = new Headers({ "content-type": MediaType.ociIndex });
    if (wanted !== null) headers.set("oci-filters-applied", "artifactType");
    return Response.json({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests }, {
      headers,
    });
  }
}

function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  return Response.json({ errors: [{ code, message: code.toLowerCase() }] }, { status, headers });
}

function parseRange(
  text: string,
  size: number,
  quirks: ReadonlySet<Quirk>,
): { start: number; end: number } | number {
  if (text.includes(",") && quirks.has("multi-range-501")) return 501;
  const match = /^bytes=(\d+)-(\d*)$/.exec(text);
  if (match === null) return 416;
  const start = Number(match[1]);
  const open = match[2] === "" || Number(match[2]) >= size;
  if (start >= size || (open && quirks.has("open-range-416"))) return 416;
  const end = open ? size - 1 : Number(match[2]);
  const most = quirks.has("tiny-range") ? 1 : quirks.has("short-range") ? mostOfShortRange : size;
  return { start, end: Math.min(end, start + most - 1) };
}

function broken(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  let given = false;
  return new ReadableStream({
    pull(controller) {
      if (given) controller.error(new Error("cut"));
      else controller.enqueue(bytes);
      given = true;
    },
  });
}

async function tooMany(request: Request): Promise<Response> {
  await drain(request);
  return problem(429, "TOOMANYREQUESTS", { "retry-after": "0" });
}

/** Reads a body that is not wanted: a connection on which it is left unread never comes to rest. */
async function drain(request: Request): Promise<void> {
  try {
    for await (const _piece of request.body ?? []);
  } catch {
    // The sender went away, which is as good as the end.
  }
}
