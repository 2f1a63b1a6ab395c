/**
 * The connections to a registry, and to where it redirects.
 *
 * Invariants: what is spoken to in plain HTTP on this machine is reached without a proxy, as by the other clients of registries: no proxy
 * leads back here. A client of Deno's that passes its proxies by speaks no TLS.
 *
 * @module
 */
import { namesProxy, proxyVariables } from "../http/proxy_variables.ts";
import { isLoopback } from "./is_loopback.ts";

/** Gives the client of each request. */
export class Connections implements Disposable {
  #shared: Deno.HttpClient | undefined;
  #direct = new Map<string, Deno.HttpClient>();
  #isProxied: boolean | undefined;

  /** The client for a URL. */
  of(url: string): Deno.HttpClient {
    if (!(this.#isProxied ??= namesProxy())) return this.#shared ??= open();
    const { protocol, hostname, port, host } = new URL(url);
    if (protocol !== "http:" || !isLoopback(host)) return this.#shared ??= open();
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

/** The proxies of the environment for what `node:http` sends to a registry. */
export function registryProxies(): Record<string, string | undefined> {
  const found = proxyVariables();
  const direct = ["localhost", "127.0.0.0/8", "[::1]"];
  return { ...found, NO_PROXY: [found["NO_PROXY"], ...direct].filter(Boolean).join(",") };
}

function open(proxy?: Deno.Proxy): Deno.HttpClient {
  return Deno.createHttpClient({
    http2: false,
    poolMaxIdlePerHost: 32,
    ...(proxy === undefined ? {} : { proxy }),
  });
}
