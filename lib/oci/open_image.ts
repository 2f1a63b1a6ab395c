import { type Side, UsageError } from "../base/errors.ts";
import { isHost } from "./reference_grammar.ts";
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

/**
 * Opens the connection to a registry.
 *
 * @throws {UsageError} if an insecure registry is no host
 */
export function openHost(host: string, side: Side, options: OpenImageOptions): RegistryHost {
  const { insecureRegistries = [], ...rest } = options;
  const insecure = insecureRegistries.map(checkedHost).includes(host);
  return new RegistryHost({ ...rest, host, side, insecure });
}

/** What is no host would be the one of no reference, and the registry that was meant be spoken to by TLS. */
function checkedHost(text: string): string {
  if (isHost(text)) return text.toLowerCase();
  throw new UsageError(
    `Cannot use the insecure registry ${JSON.stringify(text)}: it is no host`,
    { hint: "write HOST or HOST:PORT" },
  );
}
