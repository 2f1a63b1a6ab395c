import { proxyNames, routeNames } from "./proxy_names.ts";

/** The variables of the environment that name proxies, and what is reached without, as far as they may be asked for. */
export function knownProxies(): Record<string, string | undefined> {
  return Object.fromEntries(proxyNames.map((name) => [name, granted(name)]));
}

/** Whether the environment names a proxy, as far as that may be asked for. */
export function namesProxy(): boolean {
  return routeNames.some((name) => granted(name));
}

function granted(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}
