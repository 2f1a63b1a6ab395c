import type { Side } from "../../base/errors.ts";
import { insecureHosts } from "./insecure_hosts.ts";
import { RegistryHost, type RegistryHostOptions } from "../registry/registry_host.ts";

/** What sources and destinations are opened with. */
export interface OpenImageOptions extends
  Pick<
    RegistryHostOptions,
    "meter" | "signal" | "redactor" | "credentials" | "retry" | "concurrency" | "memory"
  > {
  /** Hosts that speak plain HTTP, and nothing else; with a loopback host it shows. */
  insecureRegistries?: readonly string[] | undefined;
}

/**
 * Opens the connection to a registry.
 *
 * @throws {UsageError} if an insecure registry is not a host
 */
export function openHost(host: string, side: Side, options: OpenImageOptions): RegistryHost {
  const { insecureRegistries, ...rest } = options;
  const insecure = insecureHosts(insecureRegistries).includes(host);
  return new RegistryHost({ ...rest, host, side, insecure });
}

/** How the connection to a place is opened, beside what all of them have in common. */
export interface OpenPlace {
  /** Whether it is spoken to in plain HTTP, and nothing else. @default {false} */
  insecure?: boolean;
  /** Whether there is another place to ask: then it gets less patience. @default {false} */
  mirror?: boolean;
}

const mirrorRetry = { retries: 1, baseMs: 100, ceilingMs: 1000 };

/**
 * Opens the connection to a place where a repository is by rules.
 *
 * @throws {UsageError} as {@linkcode openHost}
 */
export function openPlace(
  host: string,
  side: Side,
  { insecure = false, mirror = false }: OpenPlace,
  options: OpenImageOptions,
): RegistryHost {
  const { insecureRegistries = [] } = options;
  return openHost(host, side, {
    ...options,
    insecureRegistries: insecure ? [...insecureRegistries, host] : insecureRegistries,
    ...(mirror ? { retry: mirrorRetry } : {}),
  });
}
