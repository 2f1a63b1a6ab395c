import { FakeRegistry } from "./fake_registry.ts";

/** What is said of a manifest instead of the truth. */
export interface Lie {
  /** The digest that a HEAD tells. */
  head?: string;
  /** Whether whatever is asked for under a condition is said to be as it was. */
  unchanged?: boolean;
}

/** A registry in front of another one, which can be told to lie of what is read there by a tag. */
export class LyingRegistry implements AsyncDisposable {
  /** The true one. */
  readonly behind: FakeRegistry = new FakeRegistry();
  /** What was asked here: `HEAD 200`. */
  readonly log: string[] = [];
  /** What it lies; may be changed while it runs. */
  lie: Lie = {};
  #server: Deno.HttpServer<Deno.NetAddr>;

  /** Starts listening on loopback. */
  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#serve(request),
    );
  }

  /** Host and port. */
  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  async #serve(request: Request): Promise<Response> {
    const { method, body } = request;
    const { pathname, search } = new URL(request.url);
    const isTag = /\/manifests\/(?!sha256:)/.test(pathname);
    const response = isTag && this.lie.unchanged && request.headers.has("if-none-match")
      ? new Response(null, { status: 304 })
      : await fetch(
        new Request(`http://${this.behind.host}${pathname}${search}`, {
          method,
          headers: [...request.headers].filter(([name]) => name !== "host"),
          body,
        }),
      );
    this.log.push(`${method} ${response.status}`);
    const headers = new Headers(response.headers);
    if (isTag && method === "HEAD" && this.lie.head !== undefined) {
      headers.set("docker-content-digest", this.lie.head);
    }
    return new Response(response.body, { status: response.status, headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await this.behind[Symbol.asyncDispose]();
  }
}
