/** A proxy before a registry that counts, slows down, and spoils what it passes on. @module */
import { delay } from "@std/async";

/** How a {@linkcode DiskProxy} behaves; may be changed while it runs. */
export interface DiskProxyBehaviour {
  /** Whether ranges are passed on; otherwise whole blobs are given. @default {true} */
  ranges?: boolean;
  /** How many bytes of a range are given at most, as its Content-Range says. @default {all that are asked for} */
  mostOfRange?: number;
  /** Changes the bytes of a blob's answer. */
  spoil?: (bytes: Uint8Array<ArrayBuffer>, request: Request) => void;
  /** Called before a request is passed on. */
  before?: (request: Request) => void | Promise<void>;
  /** What all answers together may pass, in bytes per second. @default {no limit} */
  bytesPerSecond?: number;
  /** How long each request is held back, in milliseconds. @default {0} */
  latencyMs?: number;
}

/** A running proxy. */
export class DiskProxy implements AsyncDisposable {
  /** What it does. */
  readonly behaviour: DiskProxyBehaviour;
  /** `METHOD path` of each request so far. */
  readonly requests: string[] = [];
  /** Bytes of bodies given so far. */
  bytes = 0;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #upstream: string;
  #client = Deno.createHttpClient({ http2: false, poolMaxIdlePerHost: 32 });
  #freeAt = 0;

  /** Starts one before a registry, `127.0.0.1:port`. */
  constructor(upstream: string, behaviour: DiskProxyBehaviour = {}) {
    this.#upstream = upstream;
    this.behaviour = behaviour;
    this.#server = Deno.serve(
      {
        hostname: "127.0.0.1",
        port: 0,
        onListen: () => {},
        onError: () => new Response(null, { status: 500 }),
      },
      (request) => this.#handle(request),
    );
  }

  /** `127.0.0.1:port`. */
  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  /** How often a path that holds this text was asked for with this method. */
  count(method: string, part: string): number {
    return this.requests.filter((line) => line.startsWith(method) && line.includes(part)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    this.#client.close();
  }

  async #handle(request: Request): Promise<Response> {
    const { ranges = true, mostOfRange, spoil, before, latencyMs = 0, bytesPerSecond } =
      this.behaviour;
    const url = new URL(request.url);
    this.requests.push(`${request.method} ${url.pathname}`);
    await before?.(request);
    if (latencyMs > 0) await delay(latencyMs);
    const headers = new Headers(request.headers);
    if (!ranges) headers.delete("range");
    else if (mostOfRange !== undefined) shorten(headers, mostOfRange);
    const answer = await fetch(`http://${this.#upstream}${url.pathname}${url.search}`, {
      method: request.method,
      headers,
      body: request.body,
      redirect: "manual",
      client: this.#client,
    });
    const given = new Headers(answer.headers);
    const location = given.get("location");
    if (location !== null) given.set("location", location.replace(this.#upstream, this.host));
    const blob = request.method === "GET" && url.pathname.includes("/blobs/sha256:");
    if (blob && spoil !== undefined) {
      const bytes = new Uint8Array(await answer.arrayBuffer());
      spoil(bytes, request);
      return new Response(bytes, { status: answer.status, headers: given });
    }
    const body = answer.body?.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform: async (piece, controller) => {
          this.bytes += piece.length;
          if (bytesPerSecond !== undefined) await this.#pace(piece.length, bytesPerSecond);
          controller.enqueue(piece);
        },
      }),
    );
    return new Response(body ?? null, { status: answer.status, headers: given });
  }

  async #pace(bytes: number, bytesPerSecond: number): Promise<void> {
    const now = performance.now();
    this.#freeAt = Math.max(this.#freeAt, now) + bytes / bytesPerSecond * 1000;
    const waitMs = this.#freeAt - now;
    if (waitMs > 2) await delay(waitMs);
  }
}

/** Asks for the beginning of a range alone. */
function shorten(headers: Headers, mostBytes: number): void {
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(headers.get("range") ?? "") ?? [];
  if (start === undefined) return;
  const last = Math.min(Number(end), Number(start) + mostBytes - 1);
  headers.set("range", `bytes=${start}-${last}`);
}
