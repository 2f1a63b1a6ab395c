/** The places that mirrors give. @module */
import { parseMirrors } from "../../lib/oci/registry/parse_mirrors.ts";
import { readRegistriesConf } from "../../lib/oci/registry/read_registries_conf.ts";
import { RegistryMirrors } from "../../lib/oci/registry/registry_mirrors.ts";

/** The places of a repository, with what is not the default of each. */
export function placesOf(mirrors: RegistryMirrors, host: string, repository: string): string[] {
  return mirrors.places({ host, repository }).map((place) =>
    `${place.insecure ? "http://" : ""}${place.host}/${place.repository}` +
    (place.use === "all" ? "" : ` ${place.use}`)
  );
}

/** The mirrors of a registries.conf. */
export async function conf(text: string, mirrors: string[] = []): Promise<RegistryMirrors> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, text);
    return new RegistryMirrors(parseMirrors(mirrors), await readRegistriesConf(path));
  } finally {
    await Deno.remove(path);
  }
}
