import { grantedVariable } from "../base/granted_variable.ts";
import { proxyNames, routeNames } from "./proxy_names.ts";

/** The variables of the environment that name proxies, and what is reached without, as far as they may be asked for. */
export function knownProxies(): Record<string, string | undefined> {
  return Object.fromEntries(proxyNames.map((name) => [name, grantedVariable(name)]));
}

/** Whether the environment names a proxy, as far as that may be asked for. */
export function namesProxy(): boolean {
  return routeNames.some((name) => grantedVariable(name));
}
