import type { OptionShape } from "../../lib/base/check_options.ts";
import type { RegistryMirrors } from "../../lib/oci/registry/registry_mirrors.ts";
import type { ImageRegistriesOptions } from "./registries.ts";

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
