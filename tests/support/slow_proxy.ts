import { delay } from "@std/async";

/** How a proxy slows things down. */
export interface SlowProxyOptions {
  /** What it leads to: `http://127.0.0.1:port`. */
  target: string;
  /** How long each request is held back, in milliseconds. @default {0} */
  latencyMs?: number;
  /** How many bytes a second pass, all connections together. @default {no limit} */
  bytesPerSecond?: number;
}

/** Leads to a server on loopback, more slowly. */
export class SlowProxy implements AsyncDisposable {
  /** Bytes of answers that passed. */
  passedBytes = 0;
  /** Requests that came. */
  requests = 0;
  #options: SlowProxyOptions;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #freeAt = 0;

  /** Starts listening. */
  constructor(options: SlowProxyOptions) {
    this.#options = options;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#serve(request),
    );
  }

  /** `127.0.0.1:port`. */
  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  /** Stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #serve(request: Request): Promise<Response> {
    this.requests++;
    const { target, latencyMs = 0 } = this.#options;
    if (latencyMs > 0) await delay(latencyMs);
    const { pathname, search } = new URL(request.url);
    const response = await fetch(target + pathname + search, {
      method: request.method,
      headers: request.headers,
      body: request.body,
      redirect: "manual",
    });
    const headers = new Headers(response.headers);
    const location = headers.get("location");
    if (location !== null) headers.set("location", location.replace(target, `http://${this.host}`));
    const body = response.body?.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform: async (piece, controller) => {
          await this.#pass(piece.byteLength);
          controller.enqueue(piece);
        },
      }),
    );
    return new Response(body ?? null, { status: response.status, headers });
  }

  async #pass(bytes: number): Promise<void> {
    this.passedBytes += bytes;
    const { bytesPerSecond } = this.#options;
    if (bytesPerSecond === undefined) return;
    const now = performance.now();
    this.#freeAt = Math.max(now, this.#freeAt) + bytes / bytesPerSecond * 1000;
    if (this.#freeAt - now > 5) await delay(this.#freeAt - now);
  }
}
