import type { ImageHosts } from "./image_hosts.ts";
import { Layout, nameOf } from "./layout.ts";
import type { ImageReference } from "./reference.ts";

/** The tags of a repository or of a layout, in their order. */
export async function listTags(reference: ImageReference, hosts: ImageHosts): Promise<string[]> {
  if (reference.transport === "oci") {
    const entries = await new Layout(reference.folder).entries();
    return entries.map(nameOf).filter((name) => name !== undefined);
  }
  const { RegistryClient } = await import("./registry_client.ts");
  const host = await hosts.host(reference.host, "source");
  return await Array.fromAsync(new RegistryClient(host, reference.repository).tags());
}
