import defer * as http from "node:http";
import defer * as https from "node:https";
import { KedgeError } from "../base/errors.ts";
import { displayUrl } from "./display_url.ts";
import { proxyOf } from "./proxy_of.ts";
import type { TlsOptions } from "./tls_options.ts";

/** Options of {@linkcode uploadAgent}. */
export interface UploadAgentOptions {
  /** A certificate of the client's own and whom it trusts besides the system's authorities, in PEM. */
  tls?: TlsOptions;
  /** The proxy by which a URL is reached; `undefined` for none. @default {that of `fetch`, by the environment} */
  proxyOf?: (url: URL) => string | undefined;
}

/**
 * Makes the connections of uploads to one origin, `http:` or `https:`. node:http looks by itself neither at the proxies of the
 * environment nor at the certificates that DENO_CERT names; and it sends a request again, unasked, that ends on a connection used
 * before: each request gets a connection of its own.
 *
 * @throws {KedgeError} if the proxy is not one that node:http can go by
 */
export function uploadAgent(url: URL, options: UploadAgentOptions): http.Agent {
  const proxy = (options.proxyOf ?? proxyOf)(url);
  if (proxy?.toLowerCase().startsWith("socks")) {
    throw new KedgeError(
      `Cannot upload to "${url.host}": its proxy "${displayUrl(proxy)}" is one of SOCKS`,
      { hint: "uploads go by a proxy of HTTP or by none: name one, or name the host in NO_PROXY" },
    );
  }
  const proxyEnv = proxy === undefined ? {} : { HTTP_PROXY: proxy, HTTPS_PROXY: proxy };
  const plain = { keepAlive: false, proxyEnv };
  return url.protocol === "https:"
    ? new https.Agent({ ...plain, ...options.tls, ...trusted(options.tls) })
    : new http.Agent(plain);
}

function trusted(tls: TlsOptions | undefined): { ca?: string } {
  const path = Deno.env.get("DENO_CERT");
  const all = [tls?.ca, path ? Deno.readTextFileSync(path) : undefined].filter(Boolean);
  return all.length === 0 ? {} : { ca: all.join("\n") };
}
