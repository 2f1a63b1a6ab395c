import type { Digest } from "../../base/digest.ts";
import { KedgeError } from "../../base/errors.ts";
import type { Descriptor } from "../descriptor.ts";
import { foreseeLayout } from "../layout/foresee_layout.ts";
import type { ImageHosts } from "./image_hosts.ts";
import { Layout, nameOf } from "../layout/layout.ts";
import { formatReference, type ImageReference, type RegistryReference } from "../reference.ts";
import type { RegistryClient } from "../registry/registry_client.ts";

/** Answers of registries that delete nothing, or no tag by itself. */
const unableStatuses = [400, 405, 501];

/**
 * Takes a tag away, or a digest with all tags that lead to it; gives `false` if there was none, and with `dryRun` only looks. What nothing
 * leads to any more stays until the layout, or the registry, collects its garbage.
 *
 * @throws {KedgeError} if the registry cannot do that
 */
export async function removeImage(
  reference: ImageReference,
  hosts: ImageHosts,
  dryRun: boolean,
): Promise<boolean> {
  if (reference.transport === "docker") return await removeRemote(reference, hosts, dryRun);
  const { folder, tag, digest } = reference;
  const layout = new Layout(folder);
  const entries = await layout.entries();
  const fits = (entry: Descriptor) =>
    digest === undefined ? nameOf(entry) === tag : entry.digest === digest;
  if (!entries.some(fits)) return false;
  if (dryRun) foreseeLayout(layout, { index: true });
  else await layout.drop(fits);
  return true;
}

async function removeRemote(
  reference: RegistryReference,
  hosts: ImageHosts,
  dryRun: boolean,
): Promise<boolean> {
  const client = await open(reference, hosts);
  const wanted = reference.digest ?? reference.tag!;
  if (await client.headManifest(wanted) === undefined) return false;
  return dryRun || await attempt(reference, client, () => client.deleteManifest(wanted));
}

/**
 * Takes a blob of a repository away; gives `false` if there was none, and with `dryRun` only looks. Images that need it are broken then.
 *
 * @throws {KedgeError} if the registry cannot do that
 */
export async function removeBlob(
  reference: RegistryReference & { digest: Digest },
  hosts: ImageHosts,
  dryRun: boolean,
): Promise<boolean> {
  const client = await open(reference, hosts);
  if (await client.head(reference.digest) === undefined) return false;
  return dryRun || await attempt(reference, client, () => client.deleteBlob(reference.digest));
}

async function open(reference: RegistryReference, hosts: ImageHosts): Promise<RegistryClient> {
  const { RegistryClient } = await import("../registry/registry_client.ts");
  const host = await hosts.written(reference);
  return new RegistryClient(host, reference.repository, "pull");
}

async function attempt(
  reference: RegistryReference,
  client: RegistryClient,
  remove: () => Promise<boolean>,
): Promise<boolean> {
  try {
    return await remove();
  } catch (error) {
    const status = error instanceof KedgeError ? error.data?.["status"] : undefined;
    if (typeof status !== "number" || !unableStatuses.includes(status)) throw error;
    const { host, repository, tag, digest } = reference;
    const pointed = digest === undefined ? (await client.headManifest(tag!))?.digest : undefined;
    throw new KedgeError(
      `Cannot remove "${formatReference(reference)}": the registry answered ${status}, it deletes ${
        digest === undefined ? "no tag by itself" : "nothing"
      }`,
      {
        cause: error,
        side: "destination",
        data: { status },
        hint: pointed === undefined
          ? "ask those who run it to allow deletion"
          : `remove docker://${host}/${repository}@${pointed}, and all of its tags with it`,
      },
    );
  }
}
