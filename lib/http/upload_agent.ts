import defer * as http from "node:http";
import defer * as https from "node:https";
import { proxyVariables } from "./proxy_variables.ts";
import type { TlsOptions } from "./tls_options.ts";

/** Options of {@linkcode uploadAgent}. */
export interface UploadAgentOptions {
  /** A certificate of the client's own and whom it trusts besides the system's authorities, in PEM. */
  tls?: TlsOptions;
  /** Variables that name proxies: HTTP_PROXY, HTTPS_PROXY, NO_PROXY. @default {those of the environment} */
  proxyEnv?: Record<string, string | undefined>;
}

/**
 * Makes the connections of uploads, `http:` or `https:`. node:http looks by itself neither at the proxies of the environment nor at
 * the certificates that DENO_CERT names; and it sends a request again, unasked, that ends on a connection used before: each
 * request gets a connection of its own.
 */
export function uploadAgent(protocol: string, options: UploadAgentOptions): http.Agent {
  const plain = { keepAlive: false, proxyEnv: options.proxyEnv ?? proxyVariables() };
  return protocol === "https:"
    ? new https.Agent({ ...plain, ...options.tls, ...trusted(options.tls) })
    : new http.Agent(plain);
}

function trusted(tls: TlsOptions | undefined): { ca?: string } {
  const path = Deno.env.get("DENO_CERT");
  const all = [tls?.ca, path ? Deno.readTextFileSync(path) : undefined].filter(Boolean);
  return all.length === 0 ? {} : { ca: all.join("\n") };
}
