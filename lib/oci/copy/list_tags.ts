import { KedgeError } from "../../base/errors.ts";
import type { ImageHosts } from "./image_hosts.ts";
import { Layout, nameOf } from "../layout/layout.ts";
import { formatReference, type ImageReference } from "../reference.ts";

/**
 * The tags of a repository or of a layout, in their order, each once; those of a repository as its own registry says, since a mirror may
 * lack some.
 *
 * @throws {KedgeError} if there is no such repository or layout
 */
export async function listTags(reference: ImageReference, hosts: ImageHosts): Promise<string[]> {
  if (reference.transport === "oci") {
    const layout = new Layout(reference.folder);
    if (!await layout.isThere()) {
      throw new KedgeError(
        `Cannot list the tags of "${
          formatReference(reference)
        }": there is no layout in that folder`,
        { side: "source", data: { folder: layout.folder } },
      );
    }
    const entries = await layout.entries();
    return [...new Set(entries.map(nameOf).filter((name) => name !== undefined))];
  }
  const { RegistryClient } = await import("../registry/registry_client.ts");
  const { host, repository } = await hosts.origin(reference);
  const client = new RegistryClient(host, repository);
  return [...new Set(await Array.fromAsync(client.tags({ mustBeThere: true })))];
}
