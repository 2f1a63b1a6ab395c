import type { OptionShape } from "../../lib/base/check_options.ts";
import type { RegistryMirrors } from "../../lib/oci/registry/registry_mirrors.ts";

/** How to reach registries. */
export interface ImageRegistriesOptions {
  /** Hosts that are reached by plain HTTP. Loopback hosts need not be named: they may speak either. */
  insecureRegistries?: readonly string[] | undefined;
  /**
   * Mirrors, which are tried before the registry itself: `PREFIX=[http://]HOST[/PATH]`, such as `docker.io=mirror.acme.dev`. Several for one
   * prefix are tried in order.
   */
  mirrors?: readonly string[] | undefined;
  /**
   * A `registries.conf` (version 2) file, for its mirrors and its insecure and blocked registries. A blocked registry stays blocked whatever
   * `mirrors` says. Writes always go to the registry that was named. A relative path counts from the working folder, as does that in the
   * variable; that of `--registries-conf` counts from the folder in which it was typed. An empty text names none, whatever the variable says, as does
   * `--registries-conf=/dev/null`.
   *
   * @default {CONTAINERS_REGISTRIES_CONF}
   */
  registriesConf?: string | undefined;
}

/** What {@linkcode ImageRegistriesOptions} must be. */
export const registriesShapes: { readonly [K in keyof ImageRegistriesOptions]-?: OptionShape } = {
  insecureRegistries: "texts",
  mirrors: "texts",
  registriesConf: "text",
};

/**
 * The rules of how registries are spoken to; `undefined` where there are none. The signal ends the wait for a file that is a pipe.
 *
 * @throws {UsageError} if a mirror or the file is malformed
 */
export async function registryRules(
  options: Pick<ImageRegistriesOptions, "mirrors" | "registriesConf">,
  signal: AbortSignal,
): Promise<RegistryMirrors | undefined> {
  const { mirrors = [] } = options;
  const file = options.registriesConf ?? Deno.env.get("CONTAINERS_REGISTRIES_CONF");
  if (mirrors.length === 0 && !file) return undefined;
  const [{ parseMirrors }, { RegistryMirrors }] = await Promise.all([
    import("../../lib/oci/registry/parse_mirrors.ts"),
    import("../../lib/oci/registry/registry_mirrors.ts"),
  ]);
  const rules = parseMirrors(mirrors);
  if (!file) return new RegistryMirrors(rules);
  const { readRegistriesConf } = await import("../../lib/oci/registry/read_registries_conf.ts");
  return new RegistryMirrors(rules, await readRegistriesConf(file, { signal }));
}
