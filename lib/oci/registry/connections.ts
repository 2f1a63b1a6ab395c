/**
 * The connections to a registry, and to where it redirects.
 *
 * Invariants: what is spoken to in plain HTTP on this machine is reached without a proxy, as by the other clients of registries: no proxy
 * leads back here. A client of Deno's that passes its proxies by speaks no TLS.
 *
 * @module
 */
import { namesProxy } from "../../http/known_proxies.ts";
import { isLoopback } from "./is_loopback.ts";

/** Gives the client of each request. */
export class Connections implements Disposable {
  #shared: Deno.HttpClient | undefined;
  #direct = new Map<string, Deno.HttpClient>();
  #isProxied: boolean | undefined;

  /** The client for a URL. */
  of(url: string): Deno.HttpClient {
    if (!(this.#isProxied ??= namesProxy())) return this.#shared ??= open();
    const target = new URL(url);
    if (!isDirect(target)) return this.#shared ??= open();
    const { hostname, port, host } = target;
    const standing = this.#direct.get(host);
    if (standing !== undefined) return standing;
    const client = open({ transport: "tcp", hostname, port: Number(port || 80) });
    this.#direct.set(host, client);
    return client;
  }

  /** Closes them. */
  [Symbol.dispose](): void {
    for (const client of [this.#shared, ...this.#direct.values()]) client?.close();
    this.#shared = undefined;
    this.#direct.clear();
  }
}

/** Whether a URL is reached without a proxy, whatever the environment names. */
export function isDirect({ protocol, host }: URL): boolean {
  return protocol === "http:" && isLoopback(host);
}

function open(proxy?: Deno.Proxy): Deno.HttpClient {
  return Deno.createHttpClient({
    http2: false,
    poolMaxIdlePerHost: 32,
    ...(proxy === undefined ? {} : { proxy }),
  });
}
