import type { Side } from "../base/errors.ts";
import { RegistryHost, type RegistryHostOptions } from "./registry_host.ts";

/** What sources and destinations are opened with. */
export interface OpenImageOptions extends
  Pick<
    RegistryHostOptions,
    "meter" | "signal" | "redactor" | "credentials" | "retry" | "concurrency" | "memory"
  > {
  /** Hosts that speak plain HTTP, and nothing else; with a loopback host it shows. */
  insecureRegistries?: readonly string[] | undefined;
}

/** Opens the connection to a registry. */
export function openHost(host: string, side: Side, options: OpenImageOptions): RegistryHost {
  const { insecureRegistries = [], ...rest } = options;
  return new RegistryHost({ ...rest, host, side, insecure: insecureRegistries.includes(host) });
}
