import { BlockList, isIP } from "node:net";
import { proxyNames } from "./proxy_names.ts";

/** Variables that name proxies, and what is reached without; each may be in lower case too. */
export type ProxyVariables = Readonly<Record<string, string | undefined>>;

/**
 * The proxy by which Deno's `fetch` reaches a URL, with its scheme; `undefined` where there is none. What is sent by other means goes
 * the same way. As there, ALL_PROXY comes before the others, and NO_PROXY holds names, with all that lies below them, addresses and
 * networks, but no ports; an address is none of the names, nor of all of them.
 */
export function proxyOf(url: URL, of: ProxyVariables = fromEnvironment()): string | undefined {
  const exempt = of["NO_PROXY"] ?? of["no_proxy"] ?? "";
  if (isExempt(url.hostname.replace(/^\[|\]$/g, ""), exempt)) return undefined;
  const wanted = ["ALL_PROXY", url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY"];
  for (const name of wanted.flatMap((name) => [name, name.toLowerCase()])) {
    const proxy = withScheme(of[name] ?? "");
    if (proxy !== undefined) return proxy;
  }
  return undefined;
}

/** All of them at once, so that whether they may be asked for does not hang on the URL. */
function fromEnvironment(): ProxyVariables {
  return Object.fromEntries(proxyNames.map((name) => [name, Deno.env.get(name)]));
}

/** A proxy of a kind that there is; many are written without a scheme. */
function withScheme(value: string): string | undefined {
  const proxy = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  return /^(https?|socks5h?):\/\/\S+$/i.test(proxy) && URL.canParse(proxy) ? proxy : undefined;
}

function isExempt(host: string, list: string): boolean {
  return list.split(",").map((part) => part.trim()).some((part) => {
    if (part === "") return false;
    if (isIP(host) !== 0) return isIP(part.replace(/\/\d+$/, "")) !== 0 && isWithin(host, part);
    return part === "*" || host === part.replace(/^\./, "") ||
      host.endsWith(part.startsWith(".") ? part : `.${part}`);
  });
}

function isWithin(host: string, network: string): boolean {
  const [address, bits] = network.split("/") as [string, string?];
  const kinds = [host, address].map((each) => isIP(each) === 6 ? "ipv6" as const : "ipv4" as const);
  const longest = kinds[1] === "ipv6" ? 128 : 32;
  if (kinds[0] !== kinds[1] || Number(bits ?? longest) > longest) return false;
  const list = new BlockList();
  list.addSubnet(address, Number(bits ?? longest), kinds[1]!);
  return list.check(host, kinds[0]!);
}
